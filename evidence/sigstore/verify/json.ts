import { isObject, type JsonObject } from "../../../json/fields.ts";
import { Malformed } from "../find/candidate.ts";

/** Nesting of JSON that is read; recursive code behind it must not run out of stack. */
const MAX_DEPTH = 64;
/**
 * Values in one document. A parsed value takes up to 56 bytes where it is written in three, and a worker that runs out of
 * heap may take the process with it. A 10 MiB SBOM has about 700,000.
 */
const MAX_VALUES = 1_000_000;

/** Parses an object, or throws Malformed: not UTF-8, not JSON, not an object, nested too deeply, of too many values. */
export const parseObject = (bytes: Uint8Array | string, what: string): JsonObject => {
  let value: unknown;
  try {
    const text = typeof bytes === "string" ? bytes : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    checkShape(text, what);
    value = JSON.parse(text);
  } catch (error) {
    throw error instanceof Malformed ? error : new Malformed(`${what} is not JSON`);
  }
  if (!isObject(value)) throw new Malformed(`${what} is not a JSON object`);
  return value;
};

/** On the text, because a parser that recurses or allocates would already be lost. */
const checkShape = (text: string, what: string): void => {
  let depth = 0;
  let values = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (quoted) {
      if (code === 0x5c) at++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      values += 1;
      if (depth > MAX_DEPTH) throw new Malformed(`${what} is nested too deeply`);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
    else if (code === 0x2c) values += 1;
  }
  if (values > MAX_VALUES) throw new Malformed(`${what} has too many values`);
};

/** Strict base64, standard alphabet, padded or not. */
export const fromBase64 = (text: string, what: string): Buffer => {
  const compact = text.trim();
  if (compact === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw new Malformed(`${what} is not base64`);
  return Buffer.from(compact, "base64");
};
