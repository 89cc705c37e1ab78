import { JSON_LIMITS, JsonScan, type JsonLimits } from "./scan.ts";

export type JsonResult =
  | { readonly status: "ok"; readonly value: unknown }
  | { readonly status: "malformed"; readonly message: string };

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses bytes that a JsonScan has seen and not refused. Strict UTF-8: a replaced byte would be another text. */
export function parseScanned(bytes: Uint8Array): JsonResult {
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes));
    return { status: "ok", value };
  } catch {
    return { status: "malformed", message: "is no JSON" };
  }
}

/** Scan and parse at once, for texts that are small. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = JSON_LIMITS): JsonResult {
  const scan = new JsonScan(limits);
  scan.feed(bytes);
  return scan.problem === undefined ? parseScanned(bytes) : { status: "malformed", message: scan.problem };
}

/** The value of a text that is bounded already; undefined where it is no JSON. */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
