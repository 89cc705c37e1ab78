import type { ProvedStatement } from "../../policy/facts.ts";
import { parseStatement } from "./attestationSource.ts";
import { asObject } from "./json.ts";
import { broken, type ScanParse } from "./parsedScan.ts";
import { parseScanDocument, parseScanText } from "./parseScan.ts";

/** How reports are read; large ones belong in a worker thread. Never rejects. */
export interface ReadScans {
  readonly text: (text: string) => ScanParse | Promise<ScanParse>;
  /** One report or a JSON list of them. */
  readonly list: (text: string) => readonly ScanParse[] | Promise<readonly ScanParse[]>;
  readonly statement: (statement: ProvedStatement) => ScanParse | Promise<ScanParse>;
}

/** A report, or a JSON list of reports, as a pod annotation holds it. */
export const parseScanList = (text: string): readonly ScanParse[] => {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [broken("scan report that is not JSON")];
  }
  const reports: readonly unknown[] = Array.isArray(document) ? document : [document];
  if (reports.length === 0) return [broken("an empty list of scan reports")];
  return reports.map((report) => {
    const object = asObject(report);
    return object === undefined ? broken("scan report that is not a JSON object") : parseScanDocument(object);
  });
};

/** Reads where it stands: for small reports and for the CLI. */
export const readScansHere: ReadScans = { text: parseScanText, list: parseScanList, statement: parseStatement };
