/** Writes `docs/reasons.md` from the table of reasons: a part of `npm run generate`. */
import { writeFile } from "node:fs/promises";
import { reasonsPage } from "./reasonsPage.ts";

await writeFile(new URL("reasons.md", import.meta.url), reasonsPage());
