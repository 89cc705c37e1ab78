import { asObject } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";
import type { JsonObject } from "../../../json/fields.ts";
import { isGrype, parseGrype } from "./grype.ts";
import { broken, type ScanParse } from "./parsedScan.ts";
import { isSarif, parseSarif } from "./sarif.ts";
import { isTrivy, parseTrivy } from "./trivy.ts";

const FORMATS: readonly (readonly [(document: JsonObject) => boolean, (document: JsonObject) => ScanParse])[] = [
  [isTrivy, parseTrivy],
  [isSarif, parseSarif],
  [isGrype, parseGrype],
];

/**
 * Trivy JSON, Grype JSON or SARIF, told apart by what each must have. Anything else is broken, never empty; so is what could
 * be read in two ways, of which one may say less.
 */
export const parseScanDocument = (document: JsonObject): ScanParse => {
  const [parse, another] = FORMATS.flatMap(([is, read]) => (is(document) ? [read] : []));
  if (parse === undefined)
    return broken("no known scan format (Trivy JSON with SchemaVersion 2, Grype JSON, SARIF 2.1.0)");
  return another === undefined ? parse(document) : broken("scan report in several formats at once");
};

/** A report as text, such as an annotation holds it. */
export const parseScanText = (text: string): ScanParse => {
  const document = parseText(text);
  if (document === undefined) return broken("scan report that is not JSON");
  const object = asObject(document);
  return object === undefined ? broken("scan report that is not a JSON object") : parseScanDocument(object);
};
