/**
 * `*` stands for any run of characters, also none; everything else for itself; the whole value must match. Takes at most
 * value × glob steps, so that no text makes it slow (no regular expressions: CVE-2023-7279).
 */
export function compileGlob(glob: string): (value: string) => boolean {
  const star = glob.indexOf("*");
  if (star < 0) return (value) => value === glob;
  if (glob === "*") return () => true;
  if (star === glob.length - 1) {
    const prefix = glob.slice(0, -1);
    return (value) => value.startsWith(prefix);
  }
  return (value) => matchRuns(glob, value, "*", equalUnits);
}

/** true where one of the globs matches. */
export function compileGlobs(globs: readonly string[]): (value: string) => boolean {
  const compiled = globs.map(compileGlob);
  return (value) => compiled.some((matches) => matches(value));
}

/**
 * Wildcard matching over characters or path segments: `run` stands for any number of items. Only the last run seen is ever
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

function equalUnits(a: string, b: string): boolean {
  return a === b;
}
