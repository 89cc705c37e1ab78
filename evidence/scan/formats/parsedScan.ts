import {
  orderSuppressed,
  orderVulnerabilities,
  type ScanReport,
  type Vulnerability,
} from "../../../policy/facts/scanReport.ts";

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
  /** RFC 3339; where what is around the report says when it was scanned. */
  readonly scannedAt?: string;
}

export type ScanParse = ParsedScan | BrokenScan;

export const broken = (message: string): BrokenScan => ({ status: "broken", message });

/**
 * Entries of one report that are read. Trivy writes about 1.5 KiB for each, so that an attestation (32 MiB) holds some 15,000 and
 * a manifest (4 MiB) 3,000; the worst images known have 20,000. So many are put together and judged in under 50 ms.
 */
export const MOST_VULNERABILITIES = 50_000;

/**
 * A report that was understood: its vulnerabilities in order, each once; broken where there are too many of them.
 * @param hidden those that the report lists as suppressed.
 */
export const understood = (
  found: readonly Vulnerability[],
  report: { readonly scanner: string; readonly scannedAt: string | undefined },
  image: NamedImage,
  hidden: readonly Vulnerability[] = [],
): ScanParse => {
  const total = found.length + hidden.length;
  if (total > MOST_VULNERABILITIES)
    return broken(`scan report with ${total} vulnerabilities; at most ${MOST_VULNERABILITIES} are read`);
  const { scanner, scannedAt } = report;
  const vulnerabilities = orderVulnerabilities(found);
  const suppressed = orderSuppressed(hidden, vulnerabilities);
  return {
    status: "ok",
    report: {
      scanner,
      vulnerabilities,
      ...(scannedAt === undefined ? {} : { scannedAt }),
      ...(suppressed.length === 0 ? {} : { suppressed }),
    },
    image,
  };
};
