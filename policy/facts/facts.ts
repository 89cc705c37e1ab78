import type { Outcome } from "./outcome.ts";
import type { Reason } from "../finding/finding.ts";
import type { ScanReport } from "./scanReport.ts";

/** A child of an index; `unknown/unknown` entries (build attestations) are left out. */
export interface PlatformChild {
  readonly digest: string;
  /** `os/architecture[/variant]`. */
  readonly platform: string;
}

/** What a proven manifest says: its bytes hash to `digest`. */
export interface ManifestFacts {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes of the manifest, for notation and subject descriptors. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Children of an index; empty for an image manifest. */
  readonly platforms: readonly PlatformChild[];
  /** For an image manifest: the digest of its config. */
  readonly configDigest?: string;
}

/** What a proven image config says. Read only where a rule asks (scan binding, base images). */
export interface ConfigFacts {
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `rootfs.diff_ids`, in order. */
  readonly diffIds: readonly string[];
}

/** One signer that was proved for an authority. */
export interface SignatureProof {
  /** Fingerprint of the key or of the leaf certificate. */
  readonly fingerprint: string;
  /**
   * Who signed: the key's fingerprint, or issuer and subject of the certificate. Authorities with the same signer count
   * once.
   */
  readonly signer: string;
  /** RFC 3339, from the log or a timestamp authority. */
  readonly signedAt?: string;
  /** What the authority's level only logs, each a sentence about the signature; never empty. */
  readonly warnings?: readonly string[];
}

/**
 * One authority's verdict over all signatures of an image: what was proved, one proof for each signer and at least one.
 * `invalid` carries the reason closest to passing.
 */
export type SignatureOutcome = Outcome<
  readonly SignatureProof[],
  Extract<Reason, "SignatureInvalid" | "SignatureUntrusted" | "TransparencyMissing">
>;

/** An in-toto statement that one authority signed and that names the image's digest. */
export interface ProvedStatement {
  readonly predicateType: string;
  readonly statement: unknown;
  readonly predicate: unknown;
  /**
   * The statement's JSON, where it is large: `statement` and `predicate` are then parsed when they are first looked at.
   */
  readonly text?: string;
  /** `sha256:<hex>` of the statement as it was signed. */
  readonly digest?: string;
  readonly proof: SignatureProof;
}

/**
 * All statements of one predicate type that one authority proved; never verified and empty. `buried`: there is so much
 * beside the image that it could not be looked through in time, or something that claims to be of this type cannot be
 * used. What that hides may say worse than anything else that is known.
 */
export type AttestationOutcome = Outcome<
  readonly ProvedStatement[],
  Extract<Reason, "AttestationInvalid" | "AttestationUntrusted">
> & {
  readonly buried?: true;
  /**
   * Where all that was attested is asked for and a part of it could not be read (`unavailable`): what was proved of the
   * rest. It is good for refusing alone.
   */
  readonly proved?: readonly ProvedStatement[];
  /**
   * Where all that was attested is asked for and there is more than is held: milliseconds since the epoch of the newest
   * that was left out, by its own word; Infinity where it gives none. What is held is newer.
   */
  readonly leftOut?: number;
};

/** The reports that cover one part of an image: a platform child of an index, or (without `platform`) all of it. */
export interface ScanCoverage {
  /** `os/architecture[/variant]`. */
  readonly platform?: string;
  /** Of the platform child: several may have one platform (`os.version`). */
  readonly digest?: string;
  /** At least one. Several say different things of the same digest (VulnerabilityReports): the worst counts. */
  readonly reports: readonly ScanReport[];
}

/**
 * What one scan source says of an image: reports that cover it whole, or why there are none. `ImageMalformed` and
 * `DigestMismatch` are about the image itself, which could not be looked at.
 */
export type ScanOutcome = Outcome<
  readonly ScanCoverage[],
  Extract<Reason, "ScanInvalid" | "ScanMismatch" | "ImageMalformed" | "DigestMismatch">
> & {
  /**
   * Of an image of which only a part could not be told (`unavailable`): what the source says of the other parts. A
   * report that refuses one of them refuses the image, and where one has none the image has none, whatever the rest.
   */
  readonly rest?: Extract<Outcome<readonly ScanCoverage[]>, { status: "verified" | "absent" }>;
};

/**
 * What an image, or one platform child of it, says of the image it was built on (`org.opencontainers.image.base.*`).
 */
export interface BaseClaim {
  /** The reference as written; absent: this platform child says nothing, while another does. */
  readonly name?: string;
  readonly digest?: string;
  /** The platform child that says so; absent: the image itself. */
  readonly platform?: string;
}

/** What is known of the images that an image was built on; a claim for each, and for each part that names none. */
export type BasesOutcome = Outcome<readonly BaseClaim[]> & {
  /** Of what could only in part not be told (`unavailable`): the other claims. What they refuse is refused. */
  readonly rest?: readonly BaseClaim[];
};

/** A platform child of an index, and all that was attested about it, by `attestationKey(predicateType, authority)`. */
export interface AttestedPlatform extends PlatformChild {
  readonly attested: ReadonlyMap<string, AttestationOutcome>;
}

/** Everything that was gathered about one image under one set of policies. Only what was asked for is there. */
export interface ImageFacts {
  /**
   * Milliseconds since the epoch: before then nothing that these facts were made from has to be looked at again.
   * Absent: they are good for this moment alone.
   */
  readonly standsUntil?: number;
  /**
   * The digest that is judged: written in the reference, else what the tag names now (one resolution an admission),
   * else, in audits, what runs. `absent`: the tag does not exist.
   */
  readonly digest?: Outcome<string>;
  /** What the written tag names now; asked for pinning, `verify` of a tag and drift. */
  readonly tag?: Outcome<string>;
  /**
   * The judged digest's manifest, served by the registry and hashed by us. `invalid` reasons: DigestMismatch,
   * ImageMalformed.
   */
  readonly manifest?: Outcome<ManifestFacts>;
  readonly configs?: ReadonlyMap<string, Outcome<ConfigFacts>>;
  /** In audits: the digest that runs (design.md section 5). */
  readonly running?: Outcome<string>;
  /** By `CompiledAuthority.id`. */
  readonly signatures: ReadonlyMap<string, SignatureOutcome>;
  /** By `attestationKey(predicateType, authority)`: of these one good one is enough. */
  readonly attestations: ReadonlyMap<string, AttestationOutcome>;
  /** By the same key, for rules that need all that was attested: OpenVEX, and provenance for base images. */
  readonly allAttested?: ReadonlyMap<string, AttestationOutcome>;
  /**
   * The platform children of an index, all of them, for the same rules; what they do not ask of a child is not there.
   * Asked where the index itself does not say enough.
   */
  readonly platforms?: Outcome<readonly AttestedPlatform[]>;
  /** By `ScanSource.id`. */
  readonly scans: ReadonlyMap<string, ScanOutcome>;
  /** A Running pod of the subject's namespace runs the judged digest already; asked by `scan.runningImages: Warn`. */
  readonly runsAlready?: boolean;
  /** What the image declares of its base, for each platform; `absent` where no part of it says anything. */
  readonly bases?: BasesOutcome;
}

/** What is known of an image that nobody was asked about. */
export const NO_FACTS: ImageFacts = Object.freeze({
  signatures: new Map(),
  attestations: new Map(),
  scans: new Map(),
});
