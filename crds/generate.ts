/**
 * Writes `crds/types.ts`, `crds/policySchema.ts`, `crds/exceptionSchema.ts`, `crds/objectSchemas.ts` and the schemas for editors
 * (`crds/schemas/`) from the manifests beside them: `npm run generate`. With `--check` nothing is written, and the exit code is 1 where a file is stale.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { generateEditorSchema, generateObjectSchemas, generateSchema } from "./schemaOf.ts";
import { generateTypes } from "./typesOf.ts";

const MANIFESTS = ["imagesecuritypolicies.yaml", "imagesecurityexceptions.yaml", "violations.yaml"] as const;
const beside = (name: string): URL => new URL(name, import.meta.url);

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const manifests = await Promise.all(MANIFESTS.map((name) => readFile(beside(name), "utf8")));
const generated = new Map([
  ["types.ts", await generateTypes(manifests)],
  ["policySchema.ts", generateSchema(manifests[0] ?? "", "POLICY_SCHEMA")],
  ["exceptionSchema.ts", generateSchema(manifests[1] ?? "", "EXCEPTION_SCHEMA")],
  // Violations are the operator's to write.
  ["objectSchemas.ts", generateObjectSchemas(manifests.slice(0, 2), "OBJECT_SCHEMAS")],
  ...manifests.slice(0, 2).map((manifest): [string, string] => {
    const { kind, text } = generateEditorSchema(manifest);
    return [`schemas/${kind.toLowerCase()}.json`, text];
  }),
]);

for (const [name, text] of generated) {
  if (!values.check) {
    await writeFile(beside(name), text);
    console.log(`crds/${name} is written`);
  } else if ((await readFile(beside(name), "utf8")) !== text) {
    console.error(`crds/${name} is stale: run npm run generate`);
    process.exitCode = 1;
  }
}
