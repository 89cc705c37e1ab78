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

/** A kind's schema as editors read it (JSON Schema draft-07): what Kubernetes alone understands is left out, descriptions stay. */
export function generateEditorSchema(manifest: string): { readonly kind: string; readonly text: string } {
  const { spec } = parse(manifest, { merge: true }) as {
    spec: { group: string; names: { kind: string }; versions: { name: string; storage: boolean; schema: Node }[] };
  };
  const stored = spec.versions.find(({ storage }) => storage);
  const root = withoutExtensions(stored?.schema["openAPIV3Schema"] as Node);
  const { kind } = spec.names;
  const properties = root["properties"] as Node;
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    ...root,
    required: ["apiVersion", "kind", "metadata", ...((root["required"] as readonly string[] | undefined) ?? [])],
    properties: {
      ...properties,
      apiVersion: { ...(properties["apiVersion"] as Node), const: `${spec.group}/${stored?.name}` },
      kind: { ...(properties["kind"] as Node), const: kind },
      // The API server's own, of which the manifest says only what its rules are about.
      metadata: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
    },
  };
  return { kind, text: `${JSON.stringify(schema, undefined, 2)}\n` };
}

function withoutExtensions(schema: Node): Node {
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key.startsWith("x-kubernetes-")) return [];
    if (key === "items" || key === "additionalProperties") return [[key, withoutExtensions(value as Node)]];
    if (key !== "properties") return [[key, value]];
    const properties = Object.entries(value as Node).map(([name, one]) => [name, withoutExtensions(one as Node)]);
    return [[key, Object.fromEntries(properties)]];
  });
  const named = Object.fromEntries(entries);
  // A name that is misspelt is what an editor is to show; the API server prunes it.
  return named["properties"] !== undefined && named["additionalProperties"] === undefined
    ? { ...named, additionalProperties: false }
    : named;
}
