/**
 * Writes `validating.yaml` beside it from the code that keeps it in the cluster: `npm run generate`. With `--check` nothing is
 * written, and the exit code is 1 where the file is stale.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { validatingManifest } from "./validatingManifest.ts";

const file = new URL("validating.yaml", import.meta.url);
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const generated = validatingManifest();

if (!values.check) {
  await writeFile(file, generated);
  console.log("config/webhook/validating.yaml is written");
} else if ((await readFile(file, "utf8")) !== generated) {
  console.error("config/webhook/validating.yaml is stale: run npm run generate");
  process.exitCode = 1;
}
