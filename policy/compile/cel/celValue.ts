import { UnsignedInt } from "@marcbachmann/cel-js/evaluator";

/**
 * JSON that somebody else wrote, as @marcbachmann/cel-js can be given it. The library tells types by
 * `value.constructor`: an object with a field of that name is of no type to it, and optional access
 * (`predicate.?parameters.?debug`) takes the error for a missing field. One field more in what a build was given would
 * make a condition hold, so such objects become Maps, which are maps to the library as well.
 */
export function celValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = safe.get(value);
  if (known !== undefined) return known;
  const made = isPlain(value) ? value : copied(value);
  safe.set(value, made);
  return made;
}

/** A statement is looked through once, not for each condition. */
const safe = new WeakMap<object, object>();

/**
 * An operand of a comparison, as @marcbachmann/cel-js can be given it: it looks for a field of one side with
 * JavaScript's `in`, which finds `__proto__` in every object, so that `{"__proto__": {}}` would equal every map of one
 * field. Objects without a prototype hold nothing but their own fields.
 */
export function celOperand(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  // Numbers of all kinds are compared by their value, which the library does not do inside lists and maps.
  if (value instanceof UnsignedInt) return value.valueOf();
  const known = bare.get(value);
  if (known !== undefined) return known;
  const made = withoutPrototype(value);
  bare.set(value, made);
  bare.set(made, made);
  return made;
}

function isPlain(root: object): boolean {
  const queue: unknown[] = [root];
  while (queue.length > 0) {
    const value = queue.pop();
    if (typeof value !== "object" || value === null) continue;
    if (Object.hasOwn(value, "constructor")) return false;
    for (const inner of Object.values(value)) queue.push(inner);
  }
  return true;
}

function copied(value: object): object {
  if (Array.isArray(value)) return value.map(part);
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, part(inner)]);
  return Object.hasOwn(value, "constructor") ? new Map(entries) : Object.fromEntries(entries);
}

function part(value: unknown): unknown {
  return typeof value === "object" && value !== null ? copied(value) : value;
}

/** The same object each time: what is compared with itself is equal at once. */
const bare = new WeakMap<object, object>();

function withoutPrototype(value: object): object {
  if (Array.isArray(value)) return value.map(celOperand);
  if (value instanceof Map) return new Map([...value].map(([name, inner]) => [name, celOperand(inner)]));
  const prototype: unknown = Object.getPrototypeOf(value);
  // Timestamps, durations and unsigned numbers are values of the library's own.
  if (prototype !== Object.prototype && prototype !== null) return value;
  const made = Object.create(null) as object;
  for (const [name, inner] of Object.entries(value)) Reflect.set(made, name, celOperand(inner));
  return made;
}
