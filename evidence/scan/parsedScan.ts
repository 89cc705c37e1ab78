import type { ScanReport } from "../../policy/scanReport.ts";

/** What a report says of the image that it is about; any of it may be empty. */
export interface NamedImage {
  /** `sha256:` digests of uncompressed layers, in order. */
  readonly diffIds: readonly string[];
  /** Digest of the image config. */
  readonly imageId?: string;
  /** Manifest digests (`RepoDigests`, `manifestDigest`). */
  readonly digests: readonly string[];
}

/** A report that was understood. */
export interface ParsedScan {
  readonly status: "ok";
  readonly report: ScanReport;
  readonly image: NamedImage;
}

/** A report that cannot be used; `message` says what is wrong with it. */
export interface BrokenScan {
  readonly status: "broken";
  readonly message: string;
}

export type ScanParse = ParsedScan | BrokenScan;

export const broken = (message: string): BrokenScan => ({ status: "broken", message });
