/**
 * Where cosign and other Sigstore clients put signatures (cosign `specs/SIGNATURE_SPEC.md`, `specs/BUNDLE_SPEC.md`,
 * `pkg/oci/remote`), and how to tell them by their types. All of a list's types are hints; what was read decides.
 */

/** How a signature is kept; the limits count each format by itself. */
export type Format = "legacy" | "bundle" | "experimental";

export const SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json";
export const DSSE_ENVELOPE = "application/vnd.dsse.envelope.v1+json";
export const IN_TOTO = "application/vnd.in-toto+json";
/** Predicate type of a statement that is an image signature (cosign 3). */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";

/** cosign's type of a referrer that can hold nothing but image signatures. */
const COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json";

const EXPERIMENTAL = new Set([
  COSIGN_SIGNATURE,
  "application/vnd.dev.cosign.artifact.att.v1+json",
  // cosign 2 and 3 attach attestations under the type of what the envelopes hold (`--registry-referrers-mode=oci-1-1`).
  IN_TOTO,
  DSSE_ENVELOPE,
]);

/** Types that clients without an artifact type of their own leave in lists; then only the manifest can say. */
const UNSPECIFIC = new Set([
  "",
  "application/vnd.oci.empty.v1+json",
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.unknown.config.v1+json",
  "application/vnd.unknown.artifact.v1",
]);

/** Type of the bundles that cosign 3 writes. */
export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** That and its older and newer spellings. */
export const isBundleType = (mediaType: string): boolean =>
  /^application\/vnd\.dev\.sigstore\.bundle(\.v\d+\.\d+)?\+json(;version=\d+\.\d+)?$/.test(mediaType);

/** What an artifact type says a referrer is: one of ours, something else, or nothing that helps. */
export const formatOf = (artifactType: string | undefined): Format | "other" | "unspecific" => {
  const type = artifactType ?? "";
  if (isBundleType(type)) return "bundle";
  if (EXPERIMENTAL.has(type)) return "experimental";
  return UNSPECIFIC.has(type) ? "unspecific" : "other";
};

const BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType";

/** What cosign 3 writes on the manifest of a bundle with a statement of this type. */
export const bundleAnnotations = (predicateType: string): Readonly<Record<string, string>> => ({
  "dev.sigstore.bundle.content": "dsse-envelope",
  [BUNDLE_PREDICATE]: predicateType,
});

/** Where cosign writes which predicate is inside: on a bundle's manifest, and on a layer under `.att`. */
const PREDICATE_HINTS: readonly string[] = [BUNDLE_PREDICATE, "predicateType"];

/**
 * The wanted predicate types that something claims to be evidence of, before it was read: the one that it names, all of them where it names
 * none. What its maker wrote beside it cannot be changed by others, only said otherwise in another place.
 */
export const claimedTypes = (
  artifactType: string | undefined,
  annotations: Readonly<Record<string, string>> | undefined,
  wanted: ReadonlySet<string>,
): readonly string[] => {
  if (artifactType === COSIGN_SIGNATURE || formatOf(artifactType) === "other") return [];
  const hint = predicateHint(annotations);
  return hint === undefined ? [...wanted] : wanted.has(hint) ? [hint] : [];
};

export const predicateHint = (annotations: Readonly<Record<string, string>> | undefined): string | undefined => {
  for (const name of PREDICATE_HINTS) {
    const hint = annotations !== undefined && Object.hasOwn(annotations, name) ? annotations[name] : undefined;
    if (hint !== undefined && hint !== "") return hint;
  }
  return undefined;
};

/** `sha256-<hex>.sig` or `.att`; undefined for a digest that no tag can hold (sha512, with more than 128 characters). */
export const tagOf = (digest: string, suffix: "sig" | "att"): string | undefined => {
  const tag = `${digest.replace(":", "-")}.${suffix}`;
  return tag.length <= 128 ? tag : undefined;
};

type LimitName =
  | "blob"
  | "attestation"
  | "held"
  | "proofs"
  | "entries"
  | "timestamps"
  | "subjects"
  | "digests"
  | "certificates"
  | "signatures"
  | "annotation";

/** Bounds of one signature and of what surrounds it. */
export const LIMITS: Readonly<Record<LimitName, number>> = {
  /** Bytes of an image signature. */
  blob: 10_485_760,
  /** Bytes of an envelope or a bundle with an attestation: a report is large because it is bad. 3,000 findings of Trivy's are 8.6 MB. */
  attestation: 33_554_432,
  /** Statements of one signer and type that are held where all are needed and the newest decides. */
  held: 32,
  /** Candidates of one format that are proved to the end, where one good one is enough. */
  proofs: 32,
  entries: 32,
  timestamps: 32,
  subjects: 1024,
  digests: 32,
  certificates: 10,
  signatures: 8,
  /** Characters of one annotation of a layer (certificates, chains, log entries). */
  annotation: 262_144,
};
