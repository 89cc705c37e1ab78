import type { Steps } from "../../async/turns.ts";
import { JsonScan } from "../../json/scan.ts";
import { unjudgeable, type AdmissionResponse } from "../review/admissionResponse.ts";

/** Bytes of a review that is judged as it comes, more than nearly every object has: within them no text takes JSON.parse 8 ms. */
export const AT_ONCE: number = 64 * 1024;
/** Bytes of a review that is parsed in its turn: within them no text takes JSON.parse 30 ms. */
const LARGE = 256 * 1024;
const PIECE = 64 * 1024;

/** As the API server's encoder begins: the one thing that is read of a review that is not parsed. */
const BEGINNING =
  /^\{"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io\/v1","request":\{"uid":"([0-9A-Za-z-]{1,64})"/;

/** Why a review is not parsed: the answer to it, or where it does not begin as the API server's do, a line for an HTTP error. */
export type Refusal =
  | { readonly status: "answered"; readonly response: AdmissionResponse }
  | { readonly status: "refused"; readonly message: string };

/**
 * Whether a large review can be parsed without holding everybody else: 400,000 labels, which the API server takes, hold JSON.parse for half
 * a second. Nothing that runs in a cluster comes near the bounds of what strangers' JSON may hold (`JSON_LIMITS`).
 */
export function* refusalOf(bytes: Buffer): Steps<Refusal | undefined> {
  if (bytes.length <= LARGE) return undefined;
  const scan = new JsonScan();
  for (let from = 0; from < bytes.length && scan.problem === undefined; from += PIECE) {
    scan.feed(bytes.subarray(from, from + PIECE));
    yield;
  }
  if (scan.problem === undefined) return undefined;
  const message = `the object ${scan.problem}, so that it was not judged; split it up`;
  const uid = BEGINNING.exec(bytes.toString("latin1", 0, 256))?.[1];
  return uid === undefined
    ? { status: "refused", message }
    : { status: "answered", response: unjudgeable(uid, message) };
}
