import type { ScanCoverage, ScanOutcome } from "../../../policy/facts/facts.ts";
import { all, chain, type Maybe } from "../../../async/maybe.ts";
import { bindingTo } from "./binding.ts";
import { unreadIn, type ImagePart, type ImageParts, type UnreadPart } from "./imagePart.ts";
import { beside, joinParts, type Lacking } from "./joinParts.ts";
import type { ParsedScan } from "../formats/parsedScan.ts";
import type { ScanRead } from "../formats/readScans.ts";

/** Reads a report that was found in an annotation. */
type Read = (text: string) => Maybe<ScanRead>;

const NAMES_NOTHING = "the report names no image (no DiffIDs, ImageID or digest)";

const absent = (message: string): ScanOutcome => ({ status: "absent", message });
const NONE = absent("none");
const invalid = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanInvalid", message });
const mismatch = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanMismatch", message });

const coverage = ({ platform, digest }: ImagePart, scans: readonly ParsedScan[]): ScanCoverage => ({
  reports: scans.map(({ report }) => report),
  ...(platform === undefined ? {} : { platform, digest }),
});

/** A part's own annotation must be about that part. */
const ownReport = (part: ImagePart, read: ScanRead): ScanOutcome => {
  if (read.status === "unavailable") return read;
  if (read.status === "broken") return invalid(read.message);
  switch (bindingTo(read.image, part, [part.digest])) {
    case "bound":
      return { status: "verified", value: [coverage(part, [read])] };
    case "contradicts":
      return mismatch("the report is about another image (its layers or image id differ); scan this image");
    case "unnamed":
      return invalid(NAMES_NOTHING);
  }
};

/**
 * The report in an annotation of the image manifest. For an index every platform child needs one: its own manifest's,
 * or the index's where that names the child's layers; an index annotation covers no other child.
 */
export const imageAnnotationReport = (image: ImageParts, key: string, read: Read): Maybe<ScanOutcome> => {
  const own = image.parts.map((part) => ("unread" in part ? {} : part.annotations));
  const written: readonly Readonly<Record<string, string>>[] = [image.isIndex ? image.annotations : {}, ...own];
  const reads = written.map((annotations): Maybe<ScanRead | undefined> => {
    const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    return text === undefined ? undefined : read(text);
  });
  return chain(all(reads), ([onIndex, ...onParts]) => annotated(image, onIndex, onParts));
};

/** @param own In the order of the image's parts. */
const annotated = (
  image: ImageParts,
  indexReport: ScanRead | undefined,
  own: readonly (ScanRead | undefined)[],
): ScanOutcome => {
  const ofPart = (part: ImagePart | UnreadPart, report: ScanRead | undefined): ScanOutcome => {
    if ("unread" in part) return part.unread;
    if (report !== undefined) return ownReport(part, report);
    if (indexReport?.status === "unavailable") return indexReport;
    return indexReport?.status === "ok" && bindingTo(indexReport.image, part, [part.digest]) === "bound"
      ? { status: "verified", value: [coverage(part, [indexReport])] }
      : NONE;
  };
  const lacking: Lacking = (uncovered, others) => {
    if (indexReport?.status === "broken") return invalid(indexReport.message);
    if (indexReport?.status === "ok" && bindsNothing(indexReport)) return invalid(NAMES_NOTHING);
    if (indexReport?.status === "ok" && others === 0)
      return mismatch("the report on the index is about none of its images");
    return others === 0 ? NONE : absent(`none for ${uncovered.join(", ")}`);
  };
  const parts = image.parts.map((part, position) => ({
    platform: part.platform ?? "the image",
    outcome: ofPart(part, own[position]),
  }));
  return joinParts(parts, lacking);
};

/**
 * The reports in an annotation of the pod: one, or a JSON list of them. Each is for the container whose image it names;
 * a pod with several images may hold reports of others.
 * @param others true: the pod has other images, which a report may be about.
 */
export const podAnnotationReport = (image: ImageParts, reads: readonly ScanRead[], others: boolean): ScanOutcome => {
  const unread = reads.find((one) => one.status === "unavailable");
  if (unread !== undefined) return unread;
  const scans = reads.filter((one) => one.status === "ok");
  const whole = scans.filter((scan) => isAboutIndex(scan, image));
  const parts = image.parts.map((part) => ({ platform: part.platform ?? "the image", outcome: boundTo(part, scans) }));
  if (whole.length > 0) {
    const ofParts = parts.flatMap(({ outcome }) => (outcome.status === "verified" ? outcome.value : []));
    const reports = [...whole.map(({ report }) => report), ...ofParts.flatMap((one) => one.reports)];
    return beside(unreadIn(image), { status: "verified", value: [{ reports }] });
  }
  return joinParts(parts, (uncovered, covered) => {
    const broken = reads.find((one) => one.status === "broken");
    if (broken !== undefined) return invalid(broken.message);
    if (scans.some(bindsNothing)) return invalid(NAMES_NOTHING);
    if (covered > 0) return absent(`none for ${uncovered.join(", ")}`);
    return others ? absent("none for this image") : mismatch("the report is about another image; scan this one");
  });
};

/** The reports that name this part. */
const boundTo = (part: ImagePart | UnreadPart, scans: readonly ParsedScan[]): ScanOutcome => {
  if ("unread" in part) return part.unread;
  const bound = scans.filter((scan) => bindingTo(scan.image, part, [part.digest]) === "bound");
  return bound.length === 0 ? NONE : { status: "verified", value: [coverage(part, bound)] };
};

/** By the index's digest: layers and image ids are of a single platform. */
const isAboutIndex = ({ image: { diffIds, imageId, digests } }: ParsedScan, image: ImageParts): boolean =>
  image.isIndex && diffIds.length === 0 && imageId === undefined && digests.includes(image.digest);

const bindsNothing = ({ image: { diffIds, imageId, digests } }: ParsedScan): boolean =>
  diffIds.length + digests.length === 0 && imageId === undefined;
