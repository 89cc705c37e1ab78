/**
 * Functions of strings that @marcbachmann/cel-js has otherwise than CEL: its `lowerAscii` and `upperAscii` know all of
 * Unicode, so that a Kelvin sign (U+212A) equals a `k`, and its `trim` takes U+FEFF for a blank, and not U+0085.
 */
export const stringFunctions: ReadonlyMap<string, (text: string) => string> = new Map([
  ["lowerAscii", (text: string) => (isAscii(text) ? text.toLowerCase() : shifted(text, UPPER, 0x20))],
  ["upperAscii", (text: string) => (isAscii(text) ? text.toUpperCase() : shifted(text, LOWER, -0x20))],
  ["trim", trim],
]);

/** First and last letter. */
const UPPER = [0x41, 0x5a] as const;
const LOWER = [0x61, 0x7a] as const;
/** Unicode's White_Space, all of it: one code unit each. */
const BLANKS: ReadonlySet<string> = new Set(
  "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
);

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

/** Unit by unit: an expression that calls back for each run of letters takes ten times that for short runs. */
function shifted(text: string, [first, last]: readonly [number, number], by: number): string {
  const units = new Uint16Array(text.length);
  for (let index = 0; index < units.length; index += 1) {
    const unit = text.charCodeAt(index);
    units[index] = unit >= first && unit <= last ? unit + by : unit;
  }
  return Buffer.from(units.buffer).toString("utf16le");
}

/** No regular expression over the text: one for blanks at its end begins anew at each blank in its middle. */
function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && BLANKS.has(text.charAt(start))) start += 1;
  while (start < end && BLANKS.has(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
