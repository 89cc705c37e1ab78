import type { ProvedStatement } from "../../../policy/facts/facts.ts";
import type { Outcome } from "../../../policy/facts/outcome.ts";
import { parseScanPredicate, parseScanStatement } from "./attestedScan.ts";
import { asObject } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";
import { broken, type ScanParse } from "./parsedScan.ts";
import { parseScanDocument, parseScanText } from "./parseScan.ts";

/** What reading a report came to; `unavailable` says that nobody had the time to read it. */
export type ScanRead = ScanParse | Extract<Outcome<never>, { status: "unavailable" }>;

/** How reports are read. Never rejects; ends with the signal. */
export interface ReadScans {
  readonly text: (text: string, signal: AbortSignal) => ScanRead | Promise<ScanRead>;
  /** One report or a JSON list of them; at least one answer. */
  readonly list: (text: string, signal: AbortSignal) => readonly ScanRead[] | Promise<readonly ScanRead[]>;
  readonly statement: (statement: ProvedStatement, signal: AbortSignal) => ScanRead | Promise<ScanRead>;
}

/** A report, or a JSON list of reports, as a pod annotation holds it. */
export const parseScanList = (text: string): readonly ScanParse[] => {
  const document = parseText(text);
  if (document === undefined) return [broken("scan report that is not JSON")];
  const reports: readonly unknown[] = Array.isArray(document) ? document : [document];
  if (reports.length === 0) return [broken("an empty list of scan reports")];
  return reports.map((report) => {
    const object = asObject(report);
    return object === undefined ? broken("scan report that is not a JSON object") : parseScanDocument(object);
  });
};

/** Reads a proved statement where it stands; a large one is not parsed whole for it. */
const parseStatement = (statement: ProvedStatement): ScanParse =>
  statement.text === undefined
    ? parseScanPredicate(statement.predicateType, statement.predicate)
    : parseScanStatement(statement.predicateType, statement.text);

/** Reads where it stands: small reports, and in the CLI all of them. */
export const readScansHere: ReadScans = { text: parseScanText, list: parseScanList, statement: parseStatement };

/** What a worker is asked. */
export type ScanQuestion =
  | { readonly type: "text" | "list"; readonly text: string }
  | { readonly type: "statement"; readonly predicateType: string; readonly text: string };

/** Answers one question, in a worker; one report for all but lists. */
export const readScanQuestion = (question: ScanQuestion): readonly ScanParse[] => {
  switch (question.type) {
    case "text":
      return [parseScanText(question.text)];
    case "list":
      return parseScanList(question.text);
    case "statement":
      return [parseScanStatement(question.predicateType, question.text)];
  }
};
