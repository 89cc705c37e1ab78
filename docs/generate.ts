/** Writes `docs/reasons.md` from the table of reasons and `docs/metrics.md` from the metrics: a part of `npm run generate`. */
import { writeFile } from "node:fs/promises";
import { metricsPage } from "./metricsPage.ts";
import { reasonsPage } from "./reasonsPage.ts";

await writeFile(new URL("reasons.md", import.meta.url), reasonsPage());
await writeFile(new URL("metrics.md", import.meta.url), metricsPage());
