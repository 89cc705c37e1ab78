/** What differs from run to run, and what it is called instead. Digests of the sandbox's images do not: they are compared unless the text says DIGEST. */
const VARIES: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z\b/g, "TIME"],
  [/\b(?:\d+[dhm])*\d+(?:ms|[smhd])\b/g, "AGE"],
  [/\b127\.0\.0\.1:\d+\b/g, "ADDRESS"],
  // The end of a Violation's name.
  [/-[0-9a-f]{8}\b/g, "-HASH"],
  // Columns are as wide as what stands in them.
  [/[ \t]+/g, " "],
];

const masked = (text: string): string =>
  VARIES.reduce((rest, [pattern, instead]) => rest.replaceAll(pattern, instead), text)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");

/** Whether a command printed what its text says: `...` stands for anything, DIGEST for any digest, and what varies is not looked at. */
export function isSameOutput(said: string, printed: string): boolean {
  const pattern = masked(said)
    .split(/(\.\.\.|DIGEST)/)
    .map((part) =>
      part === "..."
        ? "[\\s\\S]*"
        : part === "DIGEST"
          ? "[0-9a-f]{64}"
          : part.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&"),
    )
    .join("");
  return new RegExp(`^${pattern}$`).test(masked(printed));
}

/** For the message of a test that failed. */
export const shownOutput = (text: string): string => masked(text);
