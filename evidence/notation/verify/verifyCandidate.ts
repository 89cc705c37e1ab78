import { LRUCache } from "lru-cache";
import { createHash } from "node:crypto";
import type { Candidate } from "../find/candidate.ts";
import { Malformed, refuse, type NotationSigner, type ProofResult } from "../proof.ts";
import { readCertificate } from "./certificate.ts";
import { readCose } from "./cose.ts";
import { LIMITS } from "./envelope.ts";
import { readJws } from "./jws.ts";
import { misfitOf, readTarget, type Target } from "./payload.ts";
import { prove, trustOf, type ParsedSignature, type Trust } from "./prove.ts";

/** What is asked about one candidate. Cloneable, for workers. */
export interface VerificationRequest {
  readonly candidate: Candidate;
  /** What a signature must name. */
  readonly image: Target;
  readonly signers: readonly NotationSigner[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type VerificationResult =
  | { readonly status: "malformed"; readonly message: string }
  | {
      readonly status: "read";
      /** By signer key. */
      readonly verdicts: ReadonlyMap<string, ProofResult>;
      /**
       * SHA-256 of what was signed, where somebody trusted signed it for this image: anybody can push the same signature again in other
       * bytes, but nobody else can sign other content.
       */
      readonly content?: string;
    };

/** Examines a candidate: pure computation over bytes, in a worker or in place. Never throws: what cannot be read is malformed. */
export const verifyCandidate = ({ candidate, image, signers, now }: VerificationRequest): VerificationResult => {
  let signed: ParsedSignature;
  try {
    signed = readSigned(candidate, image);
  } catch (error) {
    return { status: "malformed", message: error instanceof Malformed ? error.message : "cannot be read" };
  }
  const verdicts = new Map(signers.map((signer) => [signer.key, proveFor(signed, signer, now)]));
  return { status: "read", verdicts, ...(isCostly(verdicts) ? { content: contentOf(signed) } : {}) };
};

const readSigned = ({ format, bytes }: Candidate, image: Target): ParsedSignature => {
  if (bytes.byteLength > LIMITS.blob) throw new Malformed("is larger than 10 MiB");
  const envelope = format === "jws" ? readJws(bytes) : readCose(bytes);
  const misfit = misfitOf(readTarget(envelope.payload), image);
  return { envelope, chain: envelope.chain.map(readCertificate), misfit };
};

const proveFor = (signed: ParsedSignature, signer: NotationSigner, now: number): ProofResult => {
  try {
    return prove(signed, signer, trustFor(signer), now);
  } catch (error) {
    return refuse("Invalid", "malformed", error instanceof Malformed ? error.message : "cannot be read as a signature");
  }
};

/** By the signer's key, which changes with its content. */
const trusts = new LRUCache<string, Trust>({ max: 500 });

const trustFor = (signer: NotationSigner): Trust => {
  const known = trusts.get(signer.key);
  if (known !== undefined) return known;
  const trust = trustOf(signer);
  trusts.set(signer.key, trust);
  return trust;
};

/** Whether somebody trusted made it for this image, so that it counts against the limit. Junk never gets so far, whatever its number. */
const isCostly = (verdicts: ReadonlyMap<string, ProofResult>): boolean =>
  [...verdicts.values()].some((verdict) => verdict.status === "proved" || LATE.has(verdict.refusal.closeness));

const LATE: ReadonlySet<number> = new Set(
  (["timestamp", "expired", "revoked"] as const).map((name) => refuse("Untrusted", name, "").refusal.closeness),
);

const contentOf = ({ envelope: { signed } }: ParsedSignature): string =>
  createHash("sha256").update(signed).digest("base64url");
