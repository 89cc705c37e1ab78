/** Longer ones may be cut by the API server (`k8s.io/apiserver` endpoints/filters/warning.go, `truncateItemRunes`). */
const LONGEST = 256;

/**
 * All warnings of a request together, other webhooks' and the API server's own too, are cut or dropped beyond 4,096
 * (`truncateAtTotalRunes`, compared with the length in bytes): ours leave them a quarter.
 */
const TOTAL = 3_072;

/** A full digest takes 71 of 256 characters, and the message repeats it: 12 hex digits still tell it apart. */
const LONG_DIGEST = /(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,116}/g;

/** Warnings as kubectl will print them: each once, none cut by the API server, and a last one that counts what is left out. */
export const fitWarnings = (messages: readonly string[]): readonly string[] => {
  const warnings = [...new Set(messages)].map(fit);
  const total = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
  if (total(warnings) <= TOTAL) return warnings;

  let kept = warnings.length - 1;
  while (kept > 0 && total([...warnings.slice(0, kept), leftOut(warnings.length - kept)]) > TOTAL) kept -= 1;
  return [...warnings.slice(0, kept), leftOut(warnings.length - kept)];
};

const leftOut = (count: number): string =>
  `image-security: ${count} more warnings are left out; kubectl get violations lists them once the pods exist`;

const fit = (line: string): string => {
  if (line.length <= LONGEST) return line;
  const shorter = Array.from(line.replace(LONG_DIGEST, "$1..."));
  return shorter.length <= LONGEST ? shorter.join("") : `${shorter.slice(0, LONGEST - 3).join("")}...`;
};
