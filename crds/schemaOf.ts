import { parse } from "yaml";

const KEPT: ReadonlySet<string> = new Set([
  "type",
  "enum",
  "default",
  "required",
  "minItems",
  "minProperties",
  "minimum",
  "maximum",
]);

const BANNER = `import type { StructuralSchema } from "./structuralSchema.ts";

/** The shape of \`spec\`. Generated from the manifest beside this file: \`npm run generate\`. */`;

/**
 * The shape of the stored version's `spec` as a TypeScript module, so that the operator and the command line read policies by
 * the very schema that the API server has.
 */
export function generateSchema(manifest: string, name: string): string {
  // A manifest of ours: its shape is tested against the API server.
  const { spec } = parse(manifest, { merge: true }) as { spec: { versions: { storage: boolean; schema: Node }[] } };
  const root = spec.versions.find(({ storage }) => storage)?.schema["openAPIV3Schema"] as Node;
  const shape = reduce((root["properties"] as Node)["spec"] as Node);
  return `${BANNER}\nexport const ${name}: StructuralSchema = ${JSON.stringify(shape)};\n`;
}

type Node = Readonly<Record<string, unknown>>;

function reduce(schema: Node): Node {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (KEPT.has(key)) return [[key, value]];
    // In a structural schema these hold schemas.
    if (key === "items" || key === "additionalProperties") return [[key, reduce(value as Node)]];
    if (key !== "properties") return [];
    return [[key, Object.fromEntries(Object.entries(value as Node).map(([name, one]) => [name, reduce(one as Node)]))]];
  });
  return Object.fromEntries(entries);
}
