import type { ScanCoverage, ScanOutcome } from "../../policy/facts.ts";
import { bindingTo } from "./binding.ts";
import type { ImagePart, ImageParts } from "./imagePart.ts";
import type { ScanParse } from "./parsedScan.ts";

/** A report that was found in an annotation, read. */
type Parse = (text: string) => ScanParse | Promise<ScanParse>;

const absent = (message: string): ScanOutcome => ({ status: "absent", message });
const invalid = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanInvalid", message });
const mismatch = (message: string): ScanOutcome => ({ status: "invalid", reason: "ScanMismatch", message });

const coverageOf = ({ platform }: ImagePart, parse: ScanParse & { status: "ok" }): ScanCoverage => ({
  reports: [parse.report],
  ...(platform === undefined ? {} : { platform }),
});

/** A part's own annotation must be about that part. */
const ownReport = (part: ImagePart, parse: ScanParse): ScanOutcome => {
  if (parse.status === "broken") return invalid(parse.message);
  switch (bindingTo(parse.image, part, [part.digest])) {
    case "bound":
      return { status: "verified", value: [coverageOf(part, parse)] };
    case "contradicts":
      return mismatch("the report is about another image (its layers or image id differ); scan this image");
    case "unnamed":
      return invalid("the report names no image (no DiffIDs, ImageID or digest)");
  }
};

/**
 * The report in an annotation of the image manifest. For an index every platform child needs one: its own manifest's,
 * or the index's where that names the child's layers; an index annotation covers no other child.
 */
export const imageAnnotationReport = async (image: ImageParts, key: string, parse: Parse): Promise<ScanOutcome> => {
  const onIndex = image.isIndex ? image.annotations[key] : undefined;
  const indexReport = onIndex === undefined ? undefined : await parse(onIndex);
  const covered: ScanCoverage[] = [];
  const uncovered: string[] = [];
  for (const part of image.parts) {
    const text = part.annotations[key];
    if (text !== undefined) {
      const outcome = ownReport(part, await parse(text));
      if (outcome.status !== "verified") return outcome;
      covered.push(...outcome.value);
    } else if (indexReport?.status === "ok" && bindingTo(indexReport.image, part, [part.digest]) === "bound") {
      covered.push(coverageOf(part, indexReport));
    } else {
      uncovered.push(part.platform ?? "the image");
    }
  }
  if (uncovered.length === 0) return { status: "verified", value: covered };
  if (indexReport?.status === "broken") return invalid(indexReport.message);
  if (indexReport !== undefined && covered.length === 0)
    return mismatch("the report on the index is about none of its images");
  return absent(covered.length === 0 ? "none" : `none for ${uncovered.join(", ")}`);
};

/**
 * The reports in an annotation of the pod: one, or a JSON list of them. Each is for the container whose image it names;
 * a pod with several images may hold reports of others.
 * @param others true: the pod has other images, which a report may be about.
 */
export const podAnnotationReport = (image: ImageParts, parses: readonly ScanParse[], others: boolean): ScanOutcome => {
  const usable = parses.filter((parse) => parse.status === "ok");
  const named = usable.filter(
    ({ image: { diffIds, imageId, digests } }) => diffIds.length + digests.length > 0 || imageId !== undefined,
  );
  const covered: ScanCoverage[] = [];
  const uncovered: string[] = [];
  for (const part of image.parts) {
    const bound = named.filter((parse) => bindingTo(parse.image, part, [part.digest, image.digest]) === "bound");
    if (bound.length === 0) uncovered.push(part.platform ?? "the image");
    else
      covered.push({
        ...coverageOf(part, bound[0] as ScanParse & { status: "ok" }),
        reports: bound.map(({ report }) => report),
      });
  }
  if (uncovered.length === 0) return { status: "verified", value: covered };
  const broken = parses.find((parse) => parse.status === "broken");
  if (broken !== undefined) return invalid(broken.message);
  if (named.length < usable.length) return invalid("the report names no image (no DiffIDs, ImageID or digest)");
  if (covered.length > 0) return absent(`none for ${uncovered.join(", ")}`);
  return others ? absent("none for this image") : mismatch("the report is about another image; scan this one");
};
