import { shortDigests } from "../../policy/finding/message.ts";

/** Longer ones may be cut by the API server (`k8s.io/apiserver` endpoints/filters/warning.go, `truncateItemRunes`). */
const LONGEST = 256;

/**
 * All warnings of a request together, other webhooks' and the API server's own too, are cut or dropped beyond 4,096
 * (`truncateAtTotalRunes`, compared with the length in bytes): ours leave them a quarter.
 */
const TOTAL = 3_072;

/**
 * Warnings as kubectl will print them: digests are short in all of them, so that nobody takes one for two; each once,
 * none cut by the API server, and a last one that counts what is left out.
 */
export const fitWarnings = (messages: readonly string[]): readonly string[] => {
  const different = [...new Set(messages)];
  const fitting: string[] = [];
  let total = 0;
  // Those that have room beside the last one, which counts the others.
  let kept = 0;
  for (const message of different) {
    const line = fit(message);
    total += Buffer.byteLength(line);
    if (total > TOTAL) break;
    fitting.push(line);
    if (total + leftOut(different.length - fitting.length).length <= TOTAL) kept = fitting.length;
  }
  if (fitting.length === different.length) return fitting;
  return [...fitting.slice(0, kept), leftOut(different.length - kept)];
};

const leftOut = (count: number): string =>
  `image-security: ${count} more warnings are left out; kubectl get violations lists them once the pods exist`;

const fit = (line: string): string => {
  const shorter = shortDigests(line);
  if (shorter.length <= LONGEST) return shorter;
  const characters = Array.from(shorter);
  return characters.length <= LONGEST ? shorter : `${characters.slice(0, LONGEST - 3).join("")}...`;
};
