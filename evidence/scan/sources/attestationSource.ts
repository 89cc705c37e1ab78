import { buriedAmong } from "../../../policy/facts/buried.ts";
import type { AttestationOutcome, ProvedStatement, ScanOutcome } from "../../../policy/facts/facts.ts";
import { all, chain, type Maybe } from "../../../async/maybe.ts";
import { bindingTo } from "./binding.ts";
import { unreadIn, type ImagePart, type ImageParts, type UnreadPart } from "./imagePart.ts";
import { beside, joinParts } from "./joinParts.ts";
import type { ParsedScan } from "../formats/parsedScan.ts";
import type { ScanRead } from "../formats/readScans.ts";

type Read = (statement: ProvedStatement) => Maybe<ScanRead>;

/** The reports that count for one digest, or why there are none. */
type Found =
  | { readonly status: "found"; readonly scans: readonly ParsedScan[] }
  | Extract<ScanOutcome, { status: "absent" | "unavailable" }>
  | { readonly status: "broken"; readonly message: string };

const NOTHING: Found = { status: "absent", message: "none" };

const timeOf = (date: string | undefined, otherwise = -Infinity): number =>
  date === undefined ? otherwise : Date.parse(date);

/**
 * The newest report that the trusted authorities signed for a digest; what nobody trusted signed does not count. Several of
 * the same time all count. Where the newest cannot be used, an older one does not stand in for it: it may say less. A report
 * that could not be read for want of time may have been the newest.
 */
const newest = (outcomes: readonly AttestationOutcome[], read: Read): Maybe<Found> => {
  const statements = outcomes.flatMap((outcome) => (outcome.status === "verified" ? outcome.value : []));
  return chain(all(statements.map(read)), (reads) => newestOf(outcomes, statements, reads));
};

/** @param reads In the order of the statements. */
const newestOf = (
  outcomes: readonly AttestationOutcome[],
  statements: readonly ProvedStatement[],
  reads: readonly ScanRead[],
): Found => {
  // The newest may be under it, and other sources must not decide because somebody buried this one.
  const buried = buriedAmong(outcomes);
  if (buried !== undefined) return { status: "broken", message: buried };
  const unread = [...outcomes, ...reads].find((one) => one.status === "unavailable");
  if (unread !== undefined) return unread;
  // A report without a date is as new as its signature; where that has none either, nobody knows, and it may be the newest.
  const attested = reads.map((read, at) => ({ read, signed: timeOf(statements[at]?.proof.signedAt, Infinity) }));
  const usable = attested.flatMap(({ read, signed }) =>
    read.status === "ok" ? [{ scan: read, signed, time: timeOf(read.report.scannedAt, signed) }] : [],
  );
  const known = usable.filter(({ time }) => time !== Infinity);
  const time = Math.max(...known.map((one) => one.time));
  const newest = usable.filter((one) => one.time === time || one.time === Infinity);
  const signed = Math.max(...known.filter((one) => one.time === time).map((one) => one.signed));
  const newer = attested.flatMap(({ read, signed: at }) =>
    read.status === "broken" && (read.scannedAt === undefined ? at >= signed : timeOf(read.scannedAt) >= time)
      ? [read.message]
      : [],
  );
  const broken = newest.length === 0 ? reads.find((one) => one.status === "broken")?.message : newer.toSorted()[0];
  if (broken !== undefined) return { status: "broken", message: broken };
  const leftOut = Math.max(...outcomes.map((outcome) => outcome.leftOut ?? -Infinity));
  if (leftOut !== -Infinity && leftOut >= time) return { status: "broken", message: TOO_MANY };
  if (newest.length > 0) return { status: "found", scans: newest.map(({ scan }) => scan) };
  const there = [
    ...new Set(outcomes.flatMap((outcome) => (outcome.status === "invalid" ? [outcome.message] : []))),
  ].sort();
  return {
    status: "absent",
    message: there.length === 0 ? "none" : `one is there, but it does not count: ${there.join("; ")}`,
  };
};

const TOO_MANY =
  "there are more scans than are read, and the newest of them cannot be told by when they were finished; remove old ones";

/** Whether a report names another image than every part that its statement covers; of a part that could not be read it may be. */
const contradicts = (
  { image: named }: ParsedScan,
  parts: readonly (ImagePart | UnreadPart)[],
  index: string,
): boolean =>
  parts.every((part) => !("unread" in part) && bindingTo(named, part, [part.digest, index]) === "contradicts");

const invalid = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanInvalid", message });
const mismatch = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanMismatch", message });

/**
 * Reports that the source's authorities attested: about the judged digest, which covers it whole, else about each of an
 * index's children. The statement's subject binds the report; what the report itself names must not contradict it.
 * @param attested The scan attestations of a digest, one outcome for each authority and predicate type.
 */
export const attestedReport = (
  image: ImageParts,
  attested: (digest: string) => Maybe<readonly AttestationOutcome[]>,
  read: Read,
): Maybe<ScanOutcome> => {
  const found = chain(attested(image.digest), (outcomes) => newest(outcomes, read));
  const said = chain(found, (whole) => aboutWhole(image, whole, attested, read));
  return chain(said, (outcome) => beside(unreadIn(image), outcome));
};

const aboutWhole = (
  image: ImageParts,
  whole: Found,
  attested: Parameters<typeof attestedReport>[1],
  read: Read,
): Maybe<ScanOutcome> => {
  switch (whole.status) {
    case "broken":
      return invalid(whole.message);
    case "unavailable":
      return whole;
    case "found":
      return whole.scans.some((scan) => contradicts(scan, image.parts, image.digest))
        ? mismatch("the attested report is about another image; scan this one")
        : { status: "verified", value: [{ reports: whole.scans.map(({ report }) => report) }] };
    case "absent":
      return image.isIndex ? ofChildren(image, whole, attested, read) : whole;
  }
};

const ofChildren = (
  image: ImageParts,
  whole: ScanOutcome,
  attested: Parameters<typeof attestedReport>[1],
  read: Read,
): Maybe<ScanOutcome> => {
  const found = image.parts.map(({ digest }) => chain(attested(digest), (outcomes) => newest(outcomes, read)));
  return chain(all(found), (scans) => aboutParts(image, whole, scans));
};

/** @param found In the order of the image's parts. */
const aboutParts = (image: ImageParts, whole: ScanOutcome, found: readonly Found[]): ScanOutcome => {
  const parts = image.parts.map((part, position) => {
    const platform = part.platform ?? part.digest;
    return { platform, outcome: aboutPart(image, part, platform, found[position] ?? NOTHING) };
  });
  return joinParts(parts, (uncovered, others) =>
    others === 0 ? whole : { status: "absent", message: `none for ${uncovered.join(", ")}` },
  );
};

const aboutPart = (image: ImageParts, part: ImagePart | UnreadPart, platform: string, found: Found): ScanOutcome => {
  switch (found.status) {
    case "broken":
      return invalid(`${platform}: ${found.message}`);
    case "absent":
    case "unavailable":
      return found;
    case "found":
      return found.scans.some((scan) => contradicts(scan, [part], image.digest))
        ? mismatch(`the attested report for ${platform} is about another image`)
        : {
            status: "verified",
            value: [{ platform, digest: part.digest, reports: found.scans.map(({ report }) => report) }],
          };
  }
};
