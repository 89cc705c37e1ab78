import type { Algorithm } from "./algorithm.ts";
import type { SignedAttributes } from "./attributes.ts";

/** One signature envelope, parsed; whatever the format, the same parts. Nothing of it is believed yet. */
export interface Envelope {
  readonly attributes: SignedAttributes;
  /** As the header says. */
  readonly algorithm: Algorithm;
  readonly payload: Buffer;
  /** What the signature is over. */
  readonly signed: Buffer;
  readonly signature: Buffer;
  /** Of RSASSA-PSS; see `verifiesWith`. */
  readonly salt: "ofHash" | "any";
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  /** DER of an RFC 3161 token. */
  readonly timestamp?: Buffer;
}

export const PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json";

/** Where the chain and the timestamp of an envelope are, in both formats. */
export const TIMESTAMP = "io.cncf.notary.timestampSignature";

type LimitName = "blob" | "certificates" | "proofs" | "timestamp" | "attribute";

/** Bounds of one signature. */
export const LIMITS: Readonly<Record<LimitName, number>> = {
  /** Bytes of an envelope. */
  blob: 10_485_760,
  /** In one chain. */
  certificates: 10,
  /** Signatures of one image that somebody trusted made and that are proved to the end. */
  proofs: 32,
  /** Bytes of a timestamp token. */
  timestamp: 131_072,
  /** Characters of an attribute that is shown or compared. */
  attribute: 1024,
};
