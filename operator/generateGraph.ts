/** Draws docs/graph.md's picture anew: `npm run generate`. */
import { readFile, writeFile } from "node:fs/promises";
import { graphPicture, withPicture } from "./graphPicture.ts";

const page = new URL("../docs/graph.md", import.meta.url);
await writeFile(page, withPicture(await readFile(page, "utf8"), graphPicture()));
process.stdout.write("docs/graph.md is written\n");
