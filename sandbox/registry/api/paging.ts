/** One page of a list, and the `last` to ask for the next with. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** The items after `last`, at most `limit`. `keyOf` gives what `last` names; items come in their order. */
export function pageOf<T>(items: readonly T[], keyOf: (item: T) => string, limit: number): Page<T> {
  const page = items.slice(0, limit);
  const final = page.at(-1);
  return items.length > limit && final !== undefined ? { items: page, next: keyOf(final) } : { items: page };
}

/** `Link: <...>; rel="next"` (RFC 5988) to the same path, with what the page's query needs. */
export function nextLink(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  return `<${path}?${parameters.toString()}>; rel="next"`;
}

/** The `n` of a query: undefined where it is absent, NaN where it is no number. */
export function askedLimit(query: URLSearchParams): number | undefined {
  const n = query.get("n");
  if (n === null) return undefined;
  return /^\d{1,9}$/.test(n) ? Number(n) : Number.NaN;
}
