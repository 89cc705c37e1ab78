import type { TrustMaterial } from "@sigstore/verify";
import type { Identity } from "../../crds/types.ts";

/** Whom a worker proves signatures for: an authority without functions, so that it can be sent. */
export type Signer = SignerBase &
  (
    | {
        readonly type: "key";
        /** DER SubjectPublicKeyInfo of every key in force. */
        readonly keys: readonly Uint8Array[];
        /** Needed where the log is required; otherwise timestamps are looked at where it is there. */
        readonly trustRoot?: string;
      }
    | {
        readonly type: "keyless";
        readonly identities: readonly Identity[];
        readonly sct: "Required" | "Ignored";
        readonly trustRoot: string;
      }
  );

interface SignerBase {
  /** Names this signer in results; changes with everything that a verdict depends on. */
  readonly key: string;
  readonly transparencyLog: "Required" | "Ignored";
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Proof {
  readonly fingerprint: string;
  readonly signer: string;
  /** RFC 3339. */
  readonly signedAt?: string;
}

/** Why a candidate does not count for a signer; `closeness` orders several, the nearest to passing highest. */
export interface Refusal {
  readonly reason: "Invalid" | "Untrusted" | "Transparency";
  readonly closeness: number;
  readonly message: string;
}

export type ProofResult =
  | { readonly status: "proved"; readonly proof: Proof }
  | { readonly status: "refused"; readonly refusal: Refusal };

/** Under what a signature is proved. */
export interface Circumstances {
  readonly transparencyLog: "Required" | "Ignored";
  readonly material: TrustMaterial | undefined;
  /** Why the signature would not count even if the signer made it: it is of another image, or lacks an annotation. */
  readonly misfit: Refusal | undefined;
}

/** From a candidate that is not even what it says to one that lacks its log entry only. */
const CLOSENESS = [
  "malformed",
  "altered",
  "otherSigner",
  "unfitCertificate",
  "untrustedCertificate",
  "otherImage",
  "annotations",
  "transparency",
] as const;

export const refusal = (
  reason: Refusal["reason"],
  closeness: (typeof CLOSENESS)[number],
  message: string,
): Refusal => ({ reason, closeness: CLOSENESS.indexOf(closeness), message });

export const refuse = (...parts: Parameters<typeof refusal>): ProofResult => ({
  status: "refused",
  refusal: refusal(...parts),
});
