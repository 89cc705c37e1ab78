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

const OBJECT_BANNER = `import type { ObjectSchema } from "./objectSchema.ts";

/** The whole validation of each kind, by its name. Generated from the manifests beside this file: \`npm run generate\`. */`;

/** Keywords that say nothing of what is valid. */
const PROSE: ReadonlySet<string> = new Set(["description", "title", "x-kubernetes-map-type"]);

/**
 * Every bound, format and CEL rule of the stored versions as a TypeScript module: what the API server would say of a file, before there is
 * an API server.
 */
export function generateObjectSchemas(manifests: readonly string[], name: string): string {
  const schemas = manifests.map((manifest) => {
    const { spec } = parse(manifest, { merge: true }) as {
      spec: { names: { kind: string }; versions: { storage: boolean; schema: Node }[] };
    };
    const root = spec.versions.find(({ storage }) => storage)?.schema["openAPIV3Schema"] as Node;
    return [spec.names.kind, withoutProse(root)] as const;
  });
  return `${OBJECT_BANNER}\nexport const ${name}: Readonly<Record<string, ObjectSchema>> = ${JSON.stringify(Object.fromEntries(schemas))};\n`;
}

function withoutProse(schema: Node): Node {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (PROSE.has(key)) return [];
    // In a structural schema these hold schemas.
    if (key === "items" || key === "additionalProperties") return [[key, withoutProse(value as Node)]];
    if (key !== "properties") return [[key, value]];
    const properties = Object.entries(value as Node);
    return [[key, Object.fromEntries(properties.map(([property, one]) => [property, withoutProse(one as Node)]))]];
  });
  return Object.fromEntries(entries);
}
