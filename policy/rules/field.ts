/**
 * An own field of what may be anything; undefined where it is no object or has none. Predicates are JSON that somebody
 * else wrote.
 */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? // Just shown to be an object with that own key.
      (value as Record<string, unknown>)[name]
    : undefined;
}
