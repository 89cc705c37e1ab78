import type { ObjectRule, ObjectSchema } from "../../crds/objectSchema.ts";
import { isObject, type JsonObject } from "../../json/fields.ts";
import { parseRfc3339 } from "../../policy/rfc3339.ts";
import { holds, textOf } from "./celRule.ts";

/** One place of an object that the API server would refuse; `path` as it writes it: `spec.authorities[0].key`. */
export interface ObjectFault {
  readonly path: string;
  readonly message: string;
}

export interface ValidatedObject {
  /** With the schema's defaults. */
  readonly value: unknown;
  readonly faults: readonly ObjectFault[];
}

/**
 * What an API server with the CRDs would say of an object: types, bounds, formats, lists that are sets or maps, CEL rules. Stricter in two
 * things that it would lose without a word: fields that nobody knows, and fields that a template left null.
 */
export const validateObject = (schema: ObjectSchema, object: unknown): ValidatedObject => {
  const faults: ObjectFault[] = [];
  const { value, sound } = new Validation(faults).read(schema, object, "");
  if (sound && isObject(value)) checkName(value, faults);
  return { value, faults };
};

/** The API server checks names itself, before any schema. */
const checkName = (object: JsonObject, faults: ObjectFault[]): void => {
  const metadata = object["metadata"];
  const name = isObject(metadata) ? metadata["name"] : undefined;
  if (typeof name !== "string" || name === "") faults.push({ path: "metadata.name", message: "is missing" });
  else if (name.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name))
    faults.push({ path: "metadata.name", message: `${JSON.stringify(name)} is no name of an object` });
};

interface Read {
  readonly value: unknown;
  /** As CEL has it: whole numbers are integers. */
  readonly self: unknown;
  /** Nothing in it is at fault, so that its rules can be asked. */
  readonly sound: boolean;
}

class Validation {
  readonly #faults: ObjectFault[];

  constructor(faults: ObjectFault[]) {
    this.#faults = faults;
  }

  read(schema: ObjectSchema, value: unknown, path: string): Read {
    const before = this.#faults.length;
    const read = this.#byType(schema, value, path);
    if (this.#faults.length > before) return { ...read, sound: false };
    for (const rule of schema["x-kubernetes-validations"] ?? []) this.#ask(rule, read.self, path);
    return { ...read, sound: this.#faults.length === before };
  }

  #ask(rule: ObjectRule, self: unknown, path: string): void {
    if (holds(rule.rule, self)) return;
    const said = rule.messageExpression === undefined ? undefined : textOf(rule.messageExpression, self);
    this.#refuse(below(path, rule.fieldPath), said ?? rule.message ?? `failed rule: ${rule.rule}`);
  }

  #byType(schema: ObjectSchema, value: unknown, path: string): Omit<Read, "sound"> {
    if (value === null) return this.#refuse(path, "is null; leave it out, or write what it should be");
    switch (schema.type) {
      case "object":
        return isObject(value) ? this.#object(schema, value, path) : this.#refuse(path, "is not an object");
      case "array":
        return Array.isArray(value) ? this.#array(schema, value, path) : this.#refuse(path, "is not a list");
      case "string":
        return typeof value === "string" ? this.#string(schema, value, path) : this.#refuse(path, notText(value));
      case "boolean":
        return typeof value === "boolean" ? { value, self: value } : this.#refuse(path, "is neither true nor false");
      case "integer":
      case "number":
        return this.#number(schema, value, path);
      case undefined:
      default:
        return { value, self: value };
    }
  }

  #object(schema: ObjectSchema, value: JsonObject, path: string): Omit<Read, "sound"> {
    const [values, selves]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
    const { properties = {}, additionalProperties } = schema;
    for (const [name, one] of Object.entries(value)) {
      const known = Object.hasOwn(properties, name);
      const property = known ? properties[name] : additionalProperties;
      const at = path === "" ? name : known || property === undefined ? `${path}.${name}` : `${path}[${name}]`;
      if (property === undefined) {
        this.#refuse(at, `is not a known field${suggestion(name, Object.keys(properties))}`);
        continue;
      }
      // Of metadata the schema knows what its rules are about; the rest is the API server's.
      const read = at === "metadata" ? { value: one, self: one } : this.read(property, one, at);
      [values[name], selves[name]] = [read.value, read.self];
    }
    for (const [name, property] of Object.entries(properties)) {
      if (property.default === undefined || Object.hasOwn(value, name)) continue;
      const read = this.read(property, structuredClone(property.default), path === "" ? name : `${path}.${name}`);
      [values[name], selves[name]] = [read.value, read.self];
    }
    for (const name of schema.required ?? [])
      if (!Object.hasOwn(values, name) && !Object.hasOwn(value, name))
        this.#refuse(path === "" ? name : `${path}.${name}`, "is missing");
    const count = Object.keys(value).length;
    if (count < (schema.minProperties ?? 0)) this.#refuse(path, "is empty; leave it out, or write what it should be");
    if (count > (schema.maxProperties ?? Infinity))
      this.#refuse(path, `has ${count} entries; at most ${schema.maxProperties} are allowed`);
    return { value: values, self: selves };
  }

  #array(schema: ObjectSchema, value: readonly unknown[], path: string): Omit<Read, "sound"> {
    const { items = {}, minItems = 0, maxItems = Infinity } = schema;
    if (value.length < minItems) this.#refuse(path, minItems === 1 ? "is empty" : `has fewer than ${minItems} entries`);
    if (value.length > maxItems) this.#refuse(path, `has ${value.length} entries; at most ${maxItems} are allowed`);
    const reads = value.map((item, index) => this.read(items, item, `${path}[${index}]`));
    this.#unique(schema, value, path);
    return { value: reads.map((one) => one.value), self: reads.map((one) => one.self) };
  }

  #unique(schema: ObjectSchema, value: readonly unknown[], path: string): void {
    const type = schema["x-kubernetes-list-type"];
    if (type !== "set" && type !== "map") return;
    const keys = schema["x-kubernetes-list-map-keys"] ?? [];
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const key = JSON.stringify(type === "set" ? item : keys.map((name) => (isObject(item) ? item[name] : undefined)));
      if (seen.has(key)) this.#refuse(`${path}[${index}]`, `is there twice: ${key}`);
      seen.add(key);
    }
  }

  #string(schema: ObjectSchema, value: string, path: string): Omit<Read, "sound"> {
    const length = Array.from(value).length;
    if (schema.enum !== undefined && !schema.enum.includes(value))
      return this.#refuse(path, `${JSON.stringify(value)} is none of ${schema.enum.join(", ")}`);
    if (length < (schema.minLength ?? 0))
      return this.#refuse(path, length === 0 ? "is empty" : `has fewer than ${schema.minLength} characters`);
    if (length > (schema.maxLength ?? Infinity))
      return this.#refuse(path, `has ${length} characters; at most ${schema.maxLength} are allowed`);
    if (schema.format === "date-time" && parseRfc3339(value) === undefined)
      return this.#refuse(path, `${JSON.stringify(value)} is no time; write one such as 2027-01-31T00:00:00Z`);
    return { value, self: schema.format === "date-time" ? new Date(value) : value };
  }

  #number(
    { type, minimum = -Infinity, maximum = Infinity }: ObjectSchema,
    value: unknown,
    path: string,
  ): Omit<Read, "sound"> {
    if (typeof value !== "number" || !Number.isFinite(value)) return this.#refuse(path, "is not a number");
    if (type === "integer" && !Number.isInteger(value)) return this.#refuse(path, "is not a whole number");
    if (value < minimum || value > maximum)
      return this.#refuse(path, `${value} is out of bounds; write ${minimum} to ${maximum}`);
    return { value, self: type === "integer" ? BigInt(value) : value };
  }

  #refuse(path: string, message: string): Omit<Read, "sound"> {
    this.#faults.push({ path, message });
    return { value: undefined, self: undefined };
  }
}

const below = (path: string, fieldPath = ""): string =>
  path === "" ? fieldPath.replace(/^\./, "") : `${path}${fieldPath}`;

const notText = (value: unknown): string =>
  typeof value === "number" || typeof value === "boolean"
    ? `is not a string; write "${value}" in quotes`
    : "is not a string";

/** The field that was meant, where only its case or a letter is wrong. */
const suggestion = (name: string, known: readonly string[]): string => {
  const meant = known.find(
    (one) => one.toLowerCase() === name.toLowerCase() || one === `${name}s` || name === `${one}s`,
  );
  return meant === undefined
    ? known.length > 0 && known.length <= 16
      ? `; there are ${known.join(", ")}`
      : ""
    : `; write ${meant}`;
};
