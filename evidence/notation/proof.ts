import type { NotationIdentities } from "../../policy/authority.ts";
import type { Level } from "./verify/level.ts";

/** Whom a worker proves signatures for: an authority without functions, so that it can be sent. */
export interface NotationSigner {
  /** Names this signer in results; changes with everything that a verdict depends on. */
  readonly key: string;
  /** DER of the certificates that are trusted. */
  readonly certificates: readonly Uint8Array[];
  /** Of timestamp authorities. Absent: timestamps are not looked at, and certificates must be valid now. */
  readonly timestampCertificates?: readonly Uint8Array[];
  readonly identities: NotationIdentities;
  readonly level: Level;
  readonly revocation: "Check" | "Skip";
}

/** Certificates that a proof rests on, leaf first, the trusted root last: whether they were taken back is still to be asked. */
export interface RevocationRequest {
  /** DER. */
  readonly chain: readonly Uint8Array[];
  readonly of: "signer" | "timestampAuthority";
}

/** What AWS Signer is asked about a signature of its own. */
export interface AwsRevocationRequest {
  readonly profileVersion: string;
  readonly job: string;
  /** Milliseconds. */
  readonly signedAt: number;
  /** Of each certificate with its issuer, as the service names them. */
  readonly certificateHashes: readonly string[];
}

export interface Proof {
  /** `sha256:<hex>` over the DER leaf certificate. */
  readonly fingerprint: string;
  readonly signer: string;
  /** RFC 3339. */
  readonly signedAt?: string;
}

/** Something that holds at this moment, as far as bytes and trust can say. */
export interface Proved {
  readonly status: "proved";
  readonly proof: Proof;
  /** What the level only logs: each a sentence about the signature. */
  readonly warnings: readonly string[];
  /** Nothing of it stays true beyond this time, in milliseconds; absent: time alone changes nothing. */
  readonly until?: number;
  readonly revocations: readonly RevocationRequest[];
  readonly aws?: AwsRevocationRequest;
}

/** Why a signature does not count for a signer; `closeness` orders several, the nearest to passing highest. */
export interface Refusal {
  readonly reason: "Invalid" | "Untrusted";
  readonly closeness: number;
  readonly message: string;
}

export interface Refused {
  readonly status: "refused";
  readonly refusal: Refusal;
}

export type ProofResult = Proved | Refused;

/** From what is not even a signature to one that somebody trusted made and took back. */
const CLOSENESS = [
  "malformed",
  "untrusted",
  "scheme",
  "identity",
  "altered",
  "otherImage",
  "certificate",
  "timestamp",
  "expired",
  "revoked",
] as const;

export const refuse = (reason: Refusal["reason"], closeness: (typeof CLOSENESS)[number], message: string): Refused => ({
  status: "refused",
  refusal: { reason, closeness: CLOSENESS.indexOf(closeness), message },
});

/** Why an envelope is not what it says: one line, without what an attacker wrote at length. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}
