/**
 * Writes `crds/types.ts` from the manifests beside it: `npm run generate`. With `--check` nothing is written, and the exit code is 1
 * where the file is stale.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { generateTypes } from "./typesOf.ts";

const MANIFESTS = ["imagesecuritypolicies.yaml", "imagesecurityexceptions.yaml", "violations.yaml"] as const;
const beside = (name: string): URL => new URL(name, import.meta.url);

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const manifests = await Promise.all(MANIFESTS.map((name) => readFile(beside(name), "utf8")));
const generated = await generateTypes(manifests);

if (!values.check) {
  await writeFile(beside("types.ts"), generated);
  console.log("crds/types.ts is written");
} else if ((await readFile(beside("types.ts"), "utf8")) !== generated) {
  console.error("crds/types.ts is stale: run npm run generate");
  process.exitCode = 1;
}
