/** Writes what `chartFiles` gives into the chart: a part of `npm run generate`. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CHART, chartFiles } from "./chartFiles.ts";

const files = await chartFiles();
await rm(join(CHART, "files"), { recursive: true, force: true });
for (const [name, text] of files) {
  await mkdir(dirname(join(CHART, name)), { recursive: true });
  await writeFile(join(CHART, name), text);
}
process.stdout.write(`charts/image-security: ${files.size} files are written\n`);
