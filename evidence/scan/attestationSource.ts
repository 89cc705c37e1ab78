import type { AttestationOutcome, ProvedStatement, ScanCoverage, ScanOutcome } from "../../policy/facts.ts";
import { parseScanPredicate } from "./attestedScan.ts";
import { bindingTo } from "./binding.ts";
import type { ImageParts } from "./imagePart.ts";
import type { ParsedScan, ScanParse } from "./parsedScan.ts";

type ParseStatement = (statement: ProvedStatement) => ScanParse | Promise<ScanParse>;

/** Reads a proved statement's predicate where it stands. */
export const parseStatement: ParseStatement = ({ predicateType, predicate }) =>
  parseScanPredicate(predicateType, predicate);

const timeOf = ({ report: { scannedAt } }: ParsedScan): number =>
  scannedAt === undefined ? -Infinity : Date.parse(scannedAt);

/** The newest report that the trusted authorities signed for a digest; what nobody trusted signed does not count. */
const newest = async (
  outcomes: readonly AttestationOutcome[],
  parse: ParseStatement,
): Promise<ScanParse | ScanOutcome> => {
  const statements = outcomes.flatMap((outcome) => (outcome.status === "verified" ? outcome.value : []));
  const parses = await Promise.all(statements.map(async (statement) => parse(statement)));
  const usable = parses.filter((one) => one.status === "ok").sort((a, b) => timeOf(b) - timeOf(a));
  if (usable[0] !== undefined) return usable[0];
  if (parses[0] !== undefined) return parses[0];
  const unavailable = outcomes.find((outcome) => outcome.status === "unavailable");
  if (unavailable !== undefined) return unavailable;
  const there = [
    ...new Set(outcomes.flatMap((outcome) => (outcome.status === "invalid" ? [outcome.message] : []))),
  ].sort();
  return {
    status: "absent",
    message: there.length === 0 ? "none" : `one is there, but it does not count: ${there.join("; ")}`,
  };
};

const contradicts = (parse: ParsedScan, image: ImageParts): boolean =>
  image.parts.every((part) => bindingTo(parse.image, part, [part.digest, image.digest]) === "contradicts");

/**
 * Reports that the source's authorities attested: about the judged digest, which covers it whole, else about each of an
 * index's children. The statement's subject binds the report; what the report itself names must not contradict it.
 * @param attested The scan attestations of a digest, one outcome for each authority and predicate type.
 */
export const attestedReport = async (
  image: ImageParts,
  attested: (digest: string) => Promise<readonly AttestationOutcome[]> | readonly AttestationOutcome[],
  parse: ParseStatement = parseStatement,
): Promise<ScanOutcome> => {
  const whole = await newest(await attested(image.digest), parse);
  if (whole.status === "broken") return { status: "invalid", reason: "ScanInvalid", message: whole.message };
  if (whole.status === "ok") {
    return contradicts(whole, image)
      ? {
          status: "invalid",
          reason: "ScanMismatch",
          message: "the attested report is about another image; scan this one",
        }
      : { status: "verified", value: [{ reports: [whole.report] }] };
  }
  if (whole.status === "unavailable" || !image.isIndex) return whole;

  const covered: ScanCoverage[] = [];
  const uncovered: string[] = [];
  for (const part of image.parts) {
    const platform = part.platform ?? part.digest;
    const found = await newest(await attested(part.digest), parse);
    if (found.status === "unavailable") return found;
    if (found.status === "broken")
      return { status: "invalid", reason: "ScanInvalid", message: `${platform}: ${found.message}` };
    if (found.status !== "ok") {
      uncovered.push(platform);
    } else if (contradicts(found, { ...image, parts: [part] })) {
      return {
        status: "invalid",
        reason: "ScanMismatch",
        message: `the attested report for ${platform} is about another image`,
      };
    } else {
      covered.push({ platform, reports: [found.report] });
    }
  }
  if (uncovered.length === 0) return { status: "verified", value: covered };
  return covered.length === 0 ? whole : { status: "absent", message: `none for ${uncovered.join(", ")}` };
};
