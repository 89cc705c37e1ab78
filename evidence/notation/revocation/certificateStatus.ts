import type { UnavailableCause } from "../../../policy/facts/outcome.ts";
import type { NotationVerifier } from "../verify/notationVerifier.ts";
import type { Certificate } from "../verify/certificate.ts";
import { isAuthority } from "../verify/chain.ts";
import { deltaPlaces } from "./crl.ts";
import type { RevocationFetcher } from "./fetcher.ts";
import type { KeptLists } from "./keptLists.ts";
import { ocspRequest, readOcsp } from "./ocsp.ts";
import { placesOf, type Places } from "./places.ts";

/** Whether one certificate was taken back. */
export type CertificateStatus =
  /** `nextUpdate` in milliseconds: how long the answer may stand in for a newer one. Infinity: there is nobody to ask. */
  | { readonly status: "good" | "revoked"; readonly nextUpdate: number }
  | {
      readonly status: "unknown";
      readonly cause: UnavailableCause;
      readonly message: string;
      readonly lasting: boolean;
    };

type Unknown = Extract<CertificateStatus, { status: "unknown" }>;

export interface StatusTools {
  readonly fetcher: RevocationFetcher;
  readonly examiner: Pick<NotationVerifier, "readList">;
  readonly lists: KeptLists;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** RFC 5019, section 5: what is shorter is asked by GET, so that caches can answer. */
const MOST_GET = 255;
const OCSP_BYTES = 20_480;
const OCSP_TIME = 2_000;
const MOST_LISTS = 8;

/** Asks the certificate's responders, and its lists where those do not tell (trust policy specification, "Certificate Revocation Evaluation"). */
export const certificateStatus = async (
  certificate: Certificate,
  issuer: Certificate,
  tools: StatusTools,
  signal: AbortSignal,
): Promise<CertificateStatus> => {
  let places: Places;
  try {
    places = placesOf(certificate);
  } catch {
    return unknown("network", "it says in no way that can be read where to ask", true);
  }
  const { responders, lists } = places;
  // Who can be asked nowhere counts as good (the same section).
  if (responders.length + lists.length === 0) return { status: "good", nextUpdate: Infinity };
  // Each list may cover a part, so that none can be left out.
  if (lists.length > MOST_LISTS)
    return unknown("network", `it names ${lists.length} lists; at most ${MOST_LISTS} are read`, true);
  const answered =
    responders.length === 0 ? undefined : await askResponders(certificate, issuer, places, tools, signal);
  if (answered !== undefined && answered.status !== "unknown") return answered;
  if (lists.length > 0) return readLists(certificate, issuer, places, tools, signal);
  return answered ?? unknown("network", "there is nobody to ask", true);
};

const unknown = (cause: UnavailableCause, message: string, lasting = false): Unknown => ({
  status: "unknown",
  cause,
  message,
  lasting,
});

/** One after the other, until one has answered for its issuer. */
const askResponders = async (
  certificate: Certificate,
  issuer: Certificate,
  { responders }: Places,
  tools: StatusTools,
  signal: AbortSignal,
): Promise<CertificateStatus> => {
  const request = ocspRequest(certificate, issuer);
  let last = unknown("network", "no OCSP responder could be asked");
  for (const responder of responders) {
    const fetched = await tools.fetcher.fetch(
      { ...questionFor(responder, request), limit: OCSP_BYTES, time: OCSP_TIME },
      signal,
    );
    if (fetched.status === "failed") {
      last = unknown(
        fetched.cause,
        fetched.lasting ? REFUSED : "its OCSP responder could not be asked",
        fetched.lasting,
      );
      continue;
    }
    const answer = readOcsp(fetched.bytes, certificate, issuer, tools.clock());
    if (answer.status === "malformed") {
      last = unknown("serverError", `the answer of its OCSP responder ${answer.message}`);
      continue;
    }
    if (answer.status === "unknown") return unknown("serverError", "its OCSP responder does not know it");
    if (answer.responder === undefined || (await isInForce(answer.responder, issuer, tools, signal)))
      return { status: answer.status, nextUpdate: answer.nextUpdate };
    last = unknown("serverError", "whether its OCSP responder's own certificate was revoked could not be told");
  }
  return last;
};

const REFUSED =
  "it can only be asked at an address that is never asked (plain HTTP, not link-local, not the cluster's own)";

const questionFor = (
  responder: string,
  request: Buffer,
): { readonly url: string; readonly body?: { type: string; bytes: Buffer } } => {
  const encoded = encodeURIComponent(request.toString("base64"));
  return encoded.length < MOST_GET && !responder.includes("?")
    ? { url: `${responder.replace(/\/$/, "")}/${encoded}` }
    : { url: responder, body: { type: "application/ocsp-request", bytes: request } };
};

/** A responder that its issuer does not exempt is looked for on the issuer's lists. (notation 1.3 does not.) */
const isInForce = async (
  responder: Certificate,
  issuer: Certificate,
  tools: StatusTools,
  signal: AbortSignal,
): Promise<boolean> => {
  const places = placesOf(responder);
  if (places.lists.length === 0) return true;
  return (await readLists(responder, issuer, places, tools, signal)).status === "good";
};

/** On none of its lists: each may cover a part of the reasons, so that all of them have to be read. */
const readLists = async (
  certificate: Certificate,
  issuer: Certificate,
  { lists, changes }: Places,
  tools: StatusTools,
  signal: AbortSignal,
): Promise<CertificateStatus> => {
  let nextUpdate = Infinity;
  for (const place of lists) {
    const status = await readOneList(place, certificate, issuer, { lists, changes }, tools, signal);
    if (status.status !== "good") return status;
    nextUpdate = Math.min(nextUpdate, status.nextUpdate);
  }
  return { status: "good", nextUpdate };
};

const readOneList = async (
  place: string,
  certificate: Certificate,
  issuer: Certificate,
  { lists: places, changes }: Pick<Places, "lists" | "changes">,
  { lists, examiner, clock }: StatusTools,
  signal: AbortSignal,
): Promise<CertificateStatus> => {
  for (const fresh of [false, true]) {
    const base = await lists.get(place, fresh, signal);
    if (base.status === "failed")
      return unknown(
        base.cause,
        base.lasting ? REFUSED : "its list of revoked certificates could not be fetched",
        base.lasting,
      );
    const delta = await changesOf(base.bytes, lists, fresh, signal);
    if (delta?.status === "failed")
      return unknown(
        delta.cause,
        delta.lasting ? REFUSED : "the changes of its list of revoked certificates could not be fetched",
        delta.lasting,
      );
    if (changes && delta === undefined)
      return unknown("serverError", "it names changes of a list that the list itself does not name", true);
    const read = await examiner.readList(
      {
        base: base.bytes,
        ...(delta === undefined ? {} : { delta: delta.bytes }),
        issuer: issuer.der,
        serial: certificate.serial,
        places,
        isAuthority: isAuthority(certificate),
        now: clock(),
      },
      signal,
    );
    if (read.status === "unavailable")
      return unknown(read.cause, "its list of revoked certificates could not be read in time");
    if (read.status !== "malformed") return read;
    // What was kept may be older than what is there.
    if (fresh || !base.kept) return unknown("serverError", `its list of revoked certificates ${read.message}`);
  }
  return unknown("serverError", "its list of revoked certificates could not be read");
};

/** The first of the places that gives the changes: they are the same at each (RFC 5280, section 5.2.6). */
const changesOf = async (
  base: Buffer,
  lists: KeptLists,
  fresh: boolean,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<KeptLists["get"]>> | undefined> => {
  let last: Awaited<ReturnType<KeptLists["get"]>> | undefined;
  for (const place of placesOfChanges(base)) {
    last = await lists.get(place, fresh, signal);
    if (last.status === "fetched") return last;
  }
  return last;
};

const placesOfChanges = (base: Buffer): readonly string[] => {
  try {
    return deltaPlaces(base);
  } catch {
    // The list itself does not parse either, which is told where it is read.
    return [];
  }
};
