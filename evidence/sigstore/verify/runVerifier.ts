import {
  VerificationError,
  Verifier,
  type SignedEntity,
  type TrustMaterial,
  type VerifierOptions,
} from "@sigstore/verify";
import type { KeyObject } from "node:crypto";

/** Which part of a verification failed, and what the library says of it. */
export interface Failure {
  readonly part: "certificate" | "time" | "log" | "signature" | "unknown";
  readonly message: string;
}

/**
 * Runs the library's verifier; undefined where all of it holds. Every throw is a failure, never a crash and never a pass:
 * garbage ends in TypeErrors as often as in errors of the library's own.
 */
export const runVerifier = (
  material: TrustMaterial,
  thresholds: Required<Pick<VerifierOptions, "tlogThreshold" | "ctlogThreshold" | "timestampThreshold">>,
  entity: SignedEntity,
  publicKey?: KeyObject,
): Failure | undefined => {
  const keys: TrustMaterial["publicKey"] = () => {
    if (publicKey === undefined) throw new Error("signed with a bare key");
    return { publicKey, validFor: () => true };
  };
  try {
    new Verifier({ ...material, publicKey: keys }, thresholds).verify(entity);
    return undefined;
  } catch (error) {
    return { part: partOf(error), message: error instanceof Error ? causeOf(error) : "unreadable" };
  }
};

const partOf = (error: unknown): Failure["part"] => {
  if (!(error instanceof VerificationError)) return "unknown";
  const code: string = error.code;
  if (code.startsWith("TLOG_")) return "log";
  if (code === "TIMESTAMP_ERROR") return "time";
  if (code === "CERTIFICATE_ERROR" || code === "PUBLIC_KEY_ERROR") return "certificate";
  return code === "SIGNATURE_ERROR" ? "signature" : "unknown";
};

/** The innermost message of the library, which says most: "certificate is not valid or expired at the specified date". */
const causeOf = (error: Error): string => {
  const inner =
    error instanceof VerificationError && error.cause instanceof Error ? error.cause.message : error.message;
  return inner.slice(0, 120);
};
