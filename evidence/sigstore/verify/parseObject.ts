import { isObject, type JsonObject } from "../../../json/fields.ts";
import { JsonScan } from "../../../json/scan.ts";
import { Malformed } from "../find/candidate.ts";

/**
 * Nesting, because recursive code behind it must not run out of stack; and values of one document: a parsed value takes up to 56 bytes where
 * it is written in three, and a worker that runs out of heap may take the process with it. A 10 MiB SBOM has about 700,000.
 */
const LIMITS = { depth: 64, values: 1_000_000 };

/** Parses an object, or throws Malformed: not UTF-8, not JSON, not an object, nested too deeply, of too many values. */
export const parseObject = (bytes: Uint8Array | string, what: string): JsonObject => {
  // On the text, because a parser that recurses or allocates would already be lost.
  const scan = new JsonScan(LIMITS);
  scan.feed(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  if (scan.problem !== undefined) throw new Malformed(`${what} ${scan.problem}`);
  let value: unknown;
  try {
    value = JSON.parse(typeof bytes === "string" ? bytes : new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Malformed(`${what} is not JSON`);
  }
  if (!isObject(value)) throw new Malformed(`${what} is not a JSON object`);
  return value;
};
