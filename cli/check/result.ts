import type { Attested } from "../attest/attest.ts";
import type { JudgedObject } from "../attest/passedImages.ts";
import type { Explained } from "./explain.ts";
import type { Finding } from "../../policy/finding/finding.ts";

/** In place of a file: an image that `--image` gave. */
export const FROM_COMMAND_LINE = "--image";

/** A finding, and the line of the image that it is about. */
export interface PlacedFinding {
  readonly finding: Finding;
  readonly line: number;
}

/** One object that was judged. */
export interface CheckedObject {
  /** Of the file; `-` is standard input, `--image` an image of the command line. */
  readonly path: string;
  /** Where the object begins. */
  readonly line: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly verdict: "deny" | "warn" | "allow";
  readonly findings: readonly PlacedFinding[];
  /** Images that a policy pins, as they would run. */
  readonly pinned: readonly string[];
  /** With `--explain`: what led to the verdict, image by image. */
  readonly explained?: readonly Explained[];
  /** With `--attest`: as it was judged, with all that was learnt. */
  readonly judged?: JudgedObject;
}

export interface CheckResult {
  readonly objects: readonly CheckedObject[];
  /** Objects of kinds that carry no images, and documents that are no objects. */
  readonly passedOver: number;
  /** What the policies are not able to judge by the files that were given. */
  readonly notes: readonly string[];
  /** With `--attest`: what was published of each image, and what was not. */
  readonly attested?: readonly Attested[];
}

/** What the findings of this action are called where people read. */
export const LEVELS: Readonly<Record<Finding["action"], "denied" | "warning" | "dryrun" | "allowed">> = {
  deny: "denied",
  warn: "warning",
  dryrun: "dryrun",
  allow: "allowed",
};
