/**
 * Functions of strings that @marcbachmann/cel-js has otherwise than CEL: its `lowerAscii` and `upperAscii` know all of
 * Unicode, so that a Kelvin sign (U+212A) equals a `k`, and its `trim` takes U+FEFF for a blank, and not U+0085.
 */
export const stringFunctions: ReadonlyMap<string, (text: string) => string> = new Map([
  ["lowerAscii", (text: string) => text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase())],
  ["upperAscii", (text: string) => text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase())],
  ["trim", trim],
]);

const BLANK = /^\p{White_Space}$/u;

/** No regular expression over the text: one for blanks at its end begins anew at each blank in its middle. */
function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && BLANK.test(text.charAt(start))) start += 1;
  while (start < end && BLANK.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
