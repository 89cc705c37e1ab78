/** Writes the dashboards as Grafana reads them: a part of `npm run generate`. */
import { writeFile } from "node:fs/promises";
import { DASHBOARDS, textOf } from "./dashboards.ts";

for (const [name, dashboard] of Object.entries(DASHBOARDS))
  await writeFile(new URL(name, import.meta.url), textOf(dashboard));
