/** JSON with sorted names: equal values give equal texts, whoever wrote them. `undefined` counts as absent. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.map((item) => (item === undefined ? "null" : canonicalJson(item))).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const parts: string[] = [];
  for (const [name, item] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (item !== undefined) parts.push(`${JSON.stringify(name)}:${canonicalJson(item)}`);
  }
  return `{${parts.join(",")}}`;
}
