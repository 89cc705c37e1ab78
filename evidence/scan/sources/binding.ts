import type { ImagePart } from "./imagePart.ts";
import type { NamedImage } from "../formats/parsedScan.ts";

/** Whether a report is about a part: it names it, names something else, or names nothing. */
export type Binding = "bound" | "contradicts" | "unnamed";

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);

/**
 * How a report names an image (design.md, "Scan score"): by `DiffIDs`, equal to the config's and in order, else by
 * `ImageID`, the config's digest, else by a manifest digest. What changes a manifest (an annotation that is added, a
 * copy that is recompressed) leaves the first two as they are, so the digest comes last.
 * @param digests The manifest digests that the part may be known by: its own, and that of the index around it.
 */
export const bindingTo = (named: NamedImage, part: ImagePart, digests: readonly string[]): Binding => {
  if (named.diffIds.length > 0) return sameList(named.diffIds, part.config.diffIds) ? "bound" : "contradicts";
  if (named.imageId !== undefined) return named.imageId === part.config.digest ? "bound" : "contradicts";
  if (named.digests.length > 0)
    return named.digests.some((digest) => digests.includes(digest)) ? "bound" : "contradicts";
  return "unnamed";
};
