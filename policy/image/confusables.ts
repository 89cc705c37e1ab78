/**
 * Letters and digits that a reader takes for ASCII ones, by the ASCII text that they look like. Curated from Unicode's
 * confusables (UTS 39) and kept small on purpose: only what can stand in a host name after UTS 46 (lower-case letters
 * and digits of living scripts), where no maintained package exists (docs/adr/0002-dependencies.md). What is missing
 * here is still caught by the edit distance, and refused by the allowlist in any case: the table decides only which
 * reason is told.
 */
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  a: "аɑα",
  b: "ьƅɓʙ",
  c: "сςᴄ",
  d: "ԁɗđ",
  e: "еҽєɛ℮",
  f: "ƒꜰ",
  g: "ɡցɠɢ",
  h: "һհħʜ",
  i: "іıɩιӏꭵɪ",
  j: "јϳʝ",
  k: "кκƙ",
  l: "łɭ1ʟ",
  m: "м",
  n: "ոռпηɲɴ",
  o: "оοօσ०០໐၀0ᴏ๐ოഠ",
  p: "рρϸ",
  q: "ԛգզ",
  r: "гᴦɼʀ",
  s: "ѕꜱʂ",
  t: "тτŧƭ",
  u: "υսʋᴜц",
  v: "ѵνᴠ",
  w: "ԝաѡω",
  x: "хχ×",
  y: "уγүყ",
  z: "ᴢʐ",
};

const TO_ASCII: ReadonlyMap<string, string> = new Map(
  Object.entries(LOOKS_LIKE).flatMap(([ascii, letters]) => Array.from(letters, (letter) => [letter, ascii] as const)),
);

/**
 * The shape of a host name: texts of one shape are hard to tell apart. Accents fall away; `i`, `l` and `1` are one
 * stroke, `rn` reads as `m`, `vv` as `w`, as in UTS 39.
 */
export function skeleton(text: string): string {
  const ascii = /^[!-~]*$/.test(text);
  const plain = (ascii ? text : text.normalize("NFKD").replaceAll(/\p{M}/gu, "")).toLowerCase();
  // Of ASCII itself only digits look like something else.
  const shape = plain.replaceAll(ascii ? /[0-9]/g : /./gsu, (one) => TO_ASCII.get(one) ?? one);
  return shape.replaceAll("rn", "m").replaceAll("vv", "w").replaceAll("i", "l");
}
