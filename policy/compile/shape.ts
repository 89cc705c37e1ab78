import type { StructuralSchema } from "../../crds/structuralSchema.ts";

/** One place where a value is not of its schema's shape. */
export interface ShapeFault {
  /** Such as `spec.authorities[0].key`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Reads a value by its schema, as the API server does on the way in: nulls are as if they were absent, defaults are
 * filled in. What is unknown or of another type is left out and a fault, an entry of a list with a fault in it is left
 * out whole: half of an entry could mean more than its author wrote. Policies come from files, and from a cluster whose
 * CRDs are newer than this program.
 */
export function readShape(
  schema: StructuralSchema,
  value: unknown,
  path: string,
): { value: unknown; faults: ShapeFault[] } {
  const faults: ShapeFault[] = [];
  return { value: read(schema, value, path, faults), faults };
}

/** undefined: nothing of the value can be used. */
function read(schema: StructuralSchema, value: unknown, path: string, faults: ShapeFault[]): unknown {
  const refuse = (message: string): undefined => {
    faults.push({ path, message });
    return undefined;
  };
  if (schema.type === undefined) return value;
  switch (schema.type) {
    case "object":
      if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("is not an object");
      // Checked just now.
      return readObject(schema, value as Readonly<Record<string, unknown>>, path, faults);
    case "array": {
      if (!Array.isArray(value)) return refuse("is not a list");
      if (value.length < (schema.minItems ?? 0)) return refuse("is empty");
      return (value as readonly unknown[]).flatMap((item, index) => {
        const before = faults.length;
        const usable = schema.items === undefined ? item : read(schema.items, item, `${path}[${index}]`, faults);
        return faults.length > before ? [] : [usable];
      });
    }
    case "string":
      if (typeof value !== "string") return refuse("is not a string");
      return schema.enum === undefined || schema.enum.includes(value)
        ? value
        : refuse(`${JSON.stringify(value)} is none of ${schema.enum.join(", ")}`);
    case "boolean":
      return typeof value === "boolean" ? value : refuse("is neither true nor false");
    case "integer":
    case "number":
      if (typeof value !== "number" || !Number.isFinite(value)) return refuse("is not a number");
      if (schema.type === "integer" && !Number.isInteger(value)) return refuse("is not a whole number");
      return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity)
        ? value
        : refuse(`${value} is out of bounds`);
  }
}

function readObject(
  schema: StructuralSchema,
  value: Readonly<Record<string, unknown>>,
  path: string,
  faults: ShapeFault[],
): unknown {
  const given = Object.entries(value).filter(([, one]) => one !== undefined && one !== null);
  if (given.length < (schema.minProperties ?? 0)) {
    faults.push({ path, message: "is empty" });
    return undefined;
  }
  const entries = new Map<string, unknown>();
  for (const [name, one] of given) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const property = known ? schema.properties?.[name] : schema.additionalProperties;
    if (property === undefined) {
      faults.push({ path: `${path}.${name}`, message: "is not a known field" });
      continue;
    }
    const usable = read(property, one, `${path}.${name}`, faults);
    if (usable !== undefined) entries.set(name, usable);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined || entries.has(name)) continue;
    // The API server fills defaults in before it prunes, so that a default has its own defaults too.
    entries.set(name, read(property, structuredClone(property.default), `${path}.${name}`, faults));
  }
  const missing = (schema.required ?? []).filter((name) => !entries.has(name));
  for (const name of missing) faults.push({ path: `${path}.${name}`, message: "is missing" });
  return missing.length > 0 ? undefined : Object.fromEntries(entries);
}
