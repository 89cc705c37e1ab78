import type { KeyObject } from "node:crypto";
import type { Identity } from "../crds/types.ts";

/** A public key in force. */
export interface TrustedKey {
  readonly key: KeyObject;
  /** `sha256:<hex>` over the DER SubjectPublicKeyInfo. */
  readonly fingerprint: string;
}

/** Where an authority's trust root comes from; `document` is a checked `trusted_root.json`. */
export type TrustRootSource =
  | { readonly type: "publicGood" }
  | { readonly type: "document"; readonly json: string }
  | { readonly type: "tuf"; readonly mirror: string; readonly root: string };

/** One accepted signer identity; `issuer` and `subject` match the whole value. */
export interface CompiledIdentity {
  readonly issuer: (value: string) => boolean;
  readonly subject: (value: string) => boolean;
  /** Fulcio certificate extensions by name, exact. */
  readonly claims: Readonly<Record<string, string>>;
  /** For messages: the identity as the policy writes it. */
  readonly text: string;
  /** As the policy writes it, for workers, to which functions cannot be sent. */
  readonly spec: Identity;
}

interface AuthorityBase {
  readonly name: string;
  /**
   * Hash of everything that a verification by this authority depends on (keys, identities, roots, settings): part of
   * every cache key. For a KMS key the URI stands for it; the fetched key's fingerprint is added by the verifier.
   */
  readonly id: string;
  /** Where the signatures are, if not beside the image: `registry/repository`. */
  readonly repository?: string;
}

export interface KeyAuthority extends AuthorityBase {
  readonly type: "key";
  /** Literal keys; empty where `kms` is set. */
  readonly keys: readonly TrustedKey[];
  readonly kms?: string;
  readonly transparencyLog: "Required" | "Ignored";
  readonly trustRoot: TrustRootSource;
  /** Must be in the signed payload. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface KeylessAuthority extends AuthorityBase {
  readonly type: "keyless";
  readonly identities: readonly CompiledIdentity[];
  /** Whether a log of certificates must have promised to show the signer's. */
  readonly sct: "Required" | "Ignored";
  readonly transparencyLog: "Required" | "Ignored";
  readonly trustRoot: TrustRootSource;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Attributes of a subject, by their short names, that a certificate must have with these values. */
export type SubjectIdentity = readonly (readonly [name: string, value: string])[];

/** Whom a notation authority trusts among the owners of certificates. */
export type NotationIdentities =
  /** Everybody whom these certificate authorities have certified. */
  | { readonly type: "any" }
  | { readonly type: "subjects"; readonly subjects: readonly SubjectIdentity[] }
  /** AWS Signer's: ARNs of signing profiles, or of their versions. */
  | { readonly type: "signingProfiles"; readonly arns: readonly string[] };

/** A certificate that is trusted for what it has issued, or as it stands. */
export interface TrustedCertificate {
  readonly der: Uint8Array;
  /** `sha256:<hex>` over the DER. */
  readonly fingerprint: string;
}

export interface NotationAuthority extends AuthorityBase {
  readonly type: "notation";
  readonly certificates: readonly TrustedCertificate[];
  readonly identities: NotationIdentities;
  readonly level: "strict" | "permissive" | "audit";
  /** Absent: timestamps are not looked at, and certificates must be valid now. */
  readonly timestampCertificates?: readonly TrustedCertificate[];
  readonly revocation: "Check" | "Skip";
}

/** Those of cosign and other Sigstore clients, who also attest. */
export type SigstoreAuthority = KeyAuthority | KeylessAuthority;

export type CompiledAuthority = SigstoreAuthority | NotationAuthority;

/**
 * The authorities that a content rule counts. A named authority whose compilation failed is in `faulty`:
 * the rule then answers EvidenceUnavailable (configuration) unless enough others hold.
 */
export interface AuthoritySet {
  readonly trusted: readonly CompiledAuthority[];
  readonly faulty: readonly { readonly name: string; readonly message: string }[];
}

/** Whose word a rule needs. */
export interface Quorum {
  readonly authorities: AuthoritySet;
  /** So many are needed, each with a signer of its own. */
  readonly count: number;
  /** No number is written: every one of them is needed, those too that share a key and count once. */
  readonly everyone: boolean;
}
