import type { ScanCoverage, ScanOutcome } from "../../../policy/facts/facts.ts";
import { all, chain, type Maybe } from "../../../async/maybe.ts";
import { bindingTo } from "./binding.ts";
import type { ImagePart, ImageParts } from "./imagePart.ts";
import type { ParsedScan } from "../formats/parsedScan.ts";
import type { ScanRead } from "../formats/readScans.ts";

/** Reads a report that was found in an annotation. */
type Read = (text: string) => Maybe<ScanRead>;

const NAMES_NOTHING = "the report names no image (no DiffIDs, ImageID or digest)";

const absent = (message: string): ScanOutcome => ({ status: "absent", message });
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
  const written = [image.isIndex ? image.annotations : {}, ...image.parts.map(({ annotations }) => annotations)];
  const reads = written.map((annotations): Maybe<ScanRead | undefined> => {
    const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    return text === undefined ? undefined : read(text);
  });
  return chain(all(reads), ([onIndex, ...own]) => annotated(image, onIndex, own));
};

/** @param own In the order of the image's parts. */
const annotated = (
  image: ImageParts,
  indexReport: ScanRead | undefined,
  own: readonly (ScanRead | undefined)[],
): ScanOutcome => {
  if (indexReport?.status === "unavailable") return indexReport;
  const covered: ScanCoverage[] = [];
  const uncovered: string[] = [];
  for (const [position, part] of image.parts.entries()) {
    const report = own[position];
    if (report !== undefined) {
      const outcome = ownReport(part, report);
      if (outcome.status !== "verified") return outcome;
      covered.push(...outcome.value);
    } else if (indexReport?.status === "ok" && bindingTo(indexReport.image, part, [part.digest]) === "bound") {
      covered.push(coverage(part, [indexReport]));
    } else {
      uncovered.push(part.platform ?? "the image");
    }
  }
  if (uncovered.length === 0) return { status: "verified", value: covered };
  if (indexReport?.status === "broken") return invalid(indexReport.message);
  if (indexReport !== undefined && bindsNothing(indexReport)) return invalid(NAMES_NOTHING);
  if (indexReport !== undefined && covered.length === 0)
    return mismatch("the report on the index is about none of its images");
  return absent(covered.length === 0 ? "none" : `none for ${uncovered.join(", ")}`);
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
  const covered: ScanCoverage[] = [];
  const uncovered: string[] = [];
  for (const part of image.parts) {
    const bound = scans.filter((scan) => bindingTo(scan.image, part, [part.digest]) === "bound");
    if (bound.length === 0) uncovered.push(part.platform ?? "the image");
    else covered.push(coverage(part, bound));
  }
  if (whole.length > 0) {
    const reports = [...whole.map(({ report }) => report), ...covered.flatMap((one) => one.reports)];
    return { status: "verified", value: [{ reports }] };
  }
  if (uncovered.length === 0) return { status: "verified", value: covered };
  const broken = reads.find((one) => one.status === "broken");
  if (broken !== undefined) return invalid(broken.message);
  if (scans.some(bindsNothing)) return invalid(NAMES_NOTHING);
  if (covered.length > 0) return absent(`none for ${uncovered.join(", ")}`);
  return others ? absent("none for this image") : mismatch("the report is about another image; scan this one");
};

/** By the index's digest: layers and image ids are of a single platform. */
const isAboutIndex = ({ image: { diffIds, imageId, digests } }: ParsedScan, image: ImageParts): boolean =>
  image.isIndex && diffIds.length === 0 && imageId === undefined && digests.includes(image.digest);

const bindsNothing = ({ image: { diffIds, imageId, digests } }: ParsedScan): boolean =>
  diffIds.length + digests.length === 0 && imageId === undefined;
