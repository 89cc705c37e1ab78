/** A text of so many characters at most. Well-formed, also where a surrogate pair is cut in two: what the API server gives back must equal what was written. */
export const cut = (text: string, limit: number): string =>
  (text.length <= limit ? text : `${text.slice(0, limit - 3)}...`).toWellFormed();

/** The first parts of a list, of so many bytes in JSON at most. */
export function bounded<T>(parts: readonly T[], limit: number): readonly T[] {
  let bytes = 0;
  const kept = parts.findIndex((part) => (bytes += Buffer.byteLength(JSON.stringify(part))) > limit);
  return kept < 0 ? parts : parts.slice(0, kept);
}
