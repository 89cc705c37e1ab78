/**
 * `*` stands for any run of characters, also none; everything else for itself; the whole value must match. Looks for
 * each part between stars once, behind the one before it, so that no text makes it slow (no regular expressions:
 * CVE-2023-7279).
 */
export function compileGlob(glob: string): (value: string) => boolean {
  const star = glob.indexOf("*");
  if (star < 0) return (value) => value === glob;
  if (glob === "*") return () => true;
  if (star === glob.length - 1) {
    const prefix = glob.slice(0, -1);
    return (value) => value.startsWith(prefix);
  }
  const parts = glob.split("*");
  const head = parts[0] ?? "";
  const tail = parts.at(-1) ?? "";
  const between = parts.slice(1, -1).filter((part) => part !== "");
  return (value) => {
    const end = value.length - tail.length;
    if (end < head.length || !value.startsWith(head) || !value.endsWith(tail)) return false;
    let at = head.length;
    for (const part of between) {
      // The first place is enough: a later one only leaves less to the rest.
      const found = value.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}

/** true where one of the globs matches. Remembers its last answer: all images of an object ask about one namespace. */
export function compileGlobs(globs: readonly string[]): (value: string) => boolean {
  const compiled = globs.map(compileGlob);
  let last: { readonly value: string; readonly matches: boolean } | undefined;
  return (value) => {
    if (last?.value !== value) last = { value, matches: compiled.some((matches) => matches(value)) };
    return last.matches;
  };
}

/**
 * Wildcard matching over path segments or labels: `run` stands for any number of items. Only the last run seen is ever
 * tried again, which is enough: an earlier one could only give a later place to the same rest.
 */
export function matchRuns(
  pattern: ArrayLike<string>,
  value: ArrayLike<string>,
  run: string,
  same: (patternItem: string, valueItem: string) => boolean,
): boolean {
  let p = 0;
  let v = 0;
  let runAt = -1;
  let resume = 0;
  while (v < value.length) {
    const item = pattern[p];
    if (item === run) {
      runAt = p++;
      resume = v;
    } else if (item !== undefined && same(item, value[v] ?? "")) {
      p++;
      v++;
    } else if (runAt >= 0) {
      p = runAt + 1;
      v = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === run) p++;
  return p === pattern.length;
}
