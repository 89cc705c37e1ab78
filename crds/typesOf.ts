import { isDeepStrictEqual } from "node:util";
import { compile, type JSONSchema } from "json-schema-to-typescript";
import { parse } from "yaml";

const BANNER = `/**
 * The custom resources as TypeScript types. Generated from the manifests beside this file: \`npm run generate\`.
 * What the API server defaults is optional here: files and tests may leave it out.
 */`;

/** The part of a structural schema that types are made of. */
interface StructuralSchema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
}

interface Manifest {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: StructuralSchema };
    }[];
  };
}

const text = (description: string): JSONSchema => ({ type: "string", description });
const texts = (description: string): JSONSchema => ({
  type: "object",
  description,
  additionalProperties: { type: "string" },
});

/** What this project reads of an object's metadata; a manifest's schema only says that there is some. */
const OBJECT_META: JSONSchema = {
  type: "object",
  description: "Standard object metadata, as far as it is read here.",
  required: ["name"],
  additionalProperties: false,
  properties: {
    name: text("Unique in its scope."),
    namespace: text("Absent where the kind is cluster-scoped."),
    uid: text("Set by the API server."),
    resourceVersion: text("Set by the API server."),
    generation: { type: "integer", description: "Counts changes of the specification. Set by the API server." },
    creationTimestamp: text("RFC 3339. Set by the API server."),
    deletionTimestamp: text("RFC 3339. Set by the API server."),
    labels: texts("For selectors."),
    annotations: texts("For tools and people."),
    ownerReferences: {
      type: "array",
      description: "What this object goes away with.",
      items: {
        type: "object",
        title: "OwnerReference",
        description: "An object that this one goes away with.",
        required: ["apiVersion", "kind", "name", "uid"],
        additionalProperties: false,
        properties: {
          apiVersion: text("The owner's API version."),
          kind: text("The owner's kind."),
          name: text("The owner's name."),
          uid: text("The owner's uid."),
          controller: { type: "boolean", description: "Whether the owner manages this object." },
          blockOwnerDeletion: { type: "boolean", description: "Whether this object delays the owner's deletion." },
        },
      },
    },
  },
};

/** Schemas with a name, in the order in which they are to stand. */
type Definitions = Map<string, JSONSchema>;

/**
 * The TypeScript types of these CustomResourceDefinition manifests (YAML): one interface a kind and one for each object that has a
 * `title`, all members readonly. Deterministic.
 *
 * @throws Error where two schemas share a title and differ in more than their description.
 */
export async function generateTypes(manifests: readonly string[]): Promise<string> {
  const definitions: Definitions = new Map();
  // A manifest of ours: its shape is tested against the API server.
  for (const manifest of manifests) defineKind(parse(manifest) as Manifest, definitions);
  definitions.set("ObjectMeta", OBJECT_META);
  const source = await compile({ definitions: Object.fromEntries(definitions) }, "Kinds", {
    bannerComment: "",
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unknownAny: true,
    unreachableDefinitions: true,
    style: { printWidth: 120 },
  });
  return `${BANNER}\n\n${polish(source.slice(source.indexOf("/**")))}`;
}

function defineKind({ spec }: Manifest, definitions: Definitions): void {
  const { kind } = spec.names;
  const version = spec.versions.find(({ storage }) => storage);
  if (version === undefined) throw new Error(`${kind} has no storage version`);
  const { openAPIV3Schema: schema } = version.schema;
  define(definitions, kind, {
    ...schema,
    title: kind,
    required: ["apiVersion", "kind", "metadata", ...(schema.required ?? [])],
    properties: {
      ...schema.properties,
      apiVersion: { type: "string", enum: [`${spec.group}/${version.name}`] },
      kind: { type: "string", enum: [kind] },
      metadata: { title: "ObjectMeta" },
    },
  });
}

/** A JSON schema for the type compiler. Objects with a title go to `definitions`. */
function convert(schema: StructuralSchema, definitions: Definitions): JSONSchema {
  const shared: JSONSchema = schema.description === undefined ? {} : { description: schema.description };
  if (schema.title !== undefined) {
    if (schema.properties !== undefined) define(definitions, schema.title, schema);
    // Not a $ref: beside a description of its own that would become a second type.
    return { ...shared, tsType: schema.title };
  }
  if (schema.items !== undefined) {
    const { description: _, ...items } = convert(schema.items, definitions);
    return { ...shared, type: "array", items };
  }
  if (schema.additionalProperties !== undefined)
    return { ...shared, type: "object", additionalProperties: convert(schema.additionalProperties, definitions) };
  if (schema.properties !== undefined) return { ...shared, ...members(schema, definitions) };
  // Scalars only from here on; the API server knows no other types.
  return { ...shared, type: schema.type as "string", ...(schema.enum === undefined ? {} : { enum: [...schema.enum] }) };
}

function members(schema: StructuralSchema, definitions: Definitions): JSONSchema {
  const properties = Object.entries(schema.properties ?? {});
  return {
    type: "object",
    additionalProperties: false,
    required: [...(schema.required ?? [])],
    properties: Object.fromEntries(properties.map(([name, property]) => [name, convert(property, definitions)])),
  };
}

function define(definitions: Definitions, name: string, schema: StructuralSchema): void {
  const known = definitions.get(name);
  // Takes its place before what it is made of.
  if (known === undefined) definitions.set(name, {});
  const shape = members(schema, definitions);
  if (known === undefined) {
    definitions.set(name, {
      ...shape,
      ...(schema.description === undefined ? {} : { description: schema.description }),
    });
    return;
  }
  const { description: _, ...knownShape } = known;
  if (!isDeepStrictEqual(knownShape, shape)) throw new Error(`two different schemas have the title ${name}`);
}

/** What the type compiler has no option for: readonly members and arrays, short comments. */
function polish(source: string): string {
  return source
    .replaceAll(/^(\s+)((?:\w+|\[k: string\])\??: )/gm, "$1readonly $2")
    .replaceAll(/^(\s+readonly [^:]+: )(.+\[\];)$/gm, "$1readonly $2")
    .replaceAll(
      /\n \*\n \* This interface was referenced by `Kinds`'s JSON-Schema\n \* via the `definition` "\w+"\./g,
      "",
    )
    .replaceAll(/^( *)\/\*\*\n *\* (.*)\n *\*\/$/gm, "$1/** $2 */")
    .replaceAll(/^}\n(?=.)/gm, "}\n\n");
}
