import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { Format } from "./formats.ts";

/** What cosign keeps beside a payload, in annotations of its layer. */
export interface SignatureAnnotations {
  /** Base64. */
  readonly signature?: string;
  /** PEM. */
  readonly certificate?: string;
  /** JSON: a Rekor v1 entry with its signed timestamp. */
  readonly bundle?: string;
  /** JSON: an RFC 3161 timestamp. */
  readonly timestamp?: string;
}

/** Bytes that a registry gave and that have the form of a signature; nothing of them is believed yet. Cloneable, for workers. */
export interface Candidate {
  /** Equal ids are equal candidates: a hash over everything below. */
  readonly id: string;
  readonly format: Format;
  readonly type: "simpleSigning" | "envelope" | "bundle";
  readonly bytes: Uint8Array;
  readonly annotations: SignatureAnnotations;
}

/** What a candidate can only be by its form; a bundle may be either. */
export type CandidateKind = "signature" | "attestation" | "either";

export const kindOf = (type: Candidate["type"]): CandidateKind => {
  switch (type) {
    case "simpleSigning":
      return "signature";
    case "envelope":
      return "attestation";
    case "bundle":
      return "either";
  }
};

/** One signature, parsed: whatever the format, the same parts. */
export interface ParsedSignature {
  readonly content:
    /** The signature is over the bytes. */
    | { readonly type: "message"; readonly bytes: Buffer }
    /** The signature is over the pre-authentication encoding of both. */
    | { readonly type: "dsse"; readonly payloadType: string; readonly payload: Buffer };
  readonly signature: Buffer;
  /** DER of the leaf; chains that come along are never used. */
  readonly certificate?: Buffer;
  readonly entries: readonly TransparencyLogEntry[];
  /** DER of RFC 3161 responses. */
  readonly timestamps: readonly Buffer[];
  /** The envelope as it is kept, which old `intoto` log entries are about. */
  readonly envelope?: Buffer;
}

/** Why a candidate is not what it says: one line, without what an attacker wrote at length. */
export class Malformed extends Error {
  override readonly name = "Malformed";
  /** What stands in the way of its signature is a bound of ours, and not its form: it may be genuine. */
  readonly overBound: boolean;

  constructor(message: string, overBound: boolean = false) {
    super(message);
    this.overBound = overBound;
  }
}
