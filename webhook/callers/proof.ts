import type { X509Certificate } from "node:crypto";
import { readClientCertificate, type ClientCertificate } from "./clientCertificate.ts";
import type { TrustedAuthorities } from "./clientAuthorities.ts";

/** Why a connection proves nothing. */
export type Unproved = "noCertificate" | "untrusted" | "expired" | "wrongUsage" | "wrongName";

export type Proof =
  | {
      readonly status: "proved";
      /** Place in the list of names, from 0. */
      readonly place: number;
      readonly certificate: ClientCertificate;
      /** Milliseconds since the epoch, both included. */
      readonly from: number;
      readonly until: number;
    }
  | { readonly status: "unproved"; readonly result: Unproved; readonly certificate?: ClientCertificate };

/** What is asked of a connection; the part of a TLSSocket that is needed. */
export interface Peer {
  /** Whether the handshake verified the chain of the client's certificate. */
  readonly authorized: boolean;
  /** OpenSSL's name of why not. Node's types say Error, Node gives a string. */
  readonly authorizationError?: unknown;
  readonly getPeerX509Certificate: () => X509Certificate | undefined;
  readonly isSessionReused: () => boolean;
}

export interface ProofOptions {
  /** What the handshake verified by. */
  readonly handshake: TrustedAuthorities;
  /** What the file holds now. */
  readonly now: TrustedAuthorities;
  readonly names: readonly string[];
}

/**
 * What a connection's certificate proves under the authorities that are trusted now. OpenSSL has verified the chain in the handshake (dates,
 * constraints, purpose); here is what it does not ask, and what may have changed since.
 */
export const prove = (peer: Peer, { handshake, now, names }: ProofOptions): Proof => {
  const presented = peer.getPeerX509Certificate();
  // A resumed session would stand for a certificate of another day; none is offered, so that none can be.
  if (presented === undefined || peer.isSessionReused()) return { status: "unproved", result: "noCertificate" };
  const certificate = readClientCertificate(presented);
  if (certificate === undefined) return { status: "unproved", result: "untrusted" };
  const unproved = (result: Unproved): Proof => ({ status: "unproved", result, certificate });
  if (!peer.authorized) return unproved(ERRORS.get(String(peer.authorizationError)) ?? "untrusted");
  const authority = authorityNow(presented, handshake, now);
  if (authority === undefined) return unproved("untrusted");
  if (!certificate.forClients) return unproved("wrongUsage");
  const place = names.findIndex((name) => certificate.names.includes(name));
  if (place === -1) return unproved("wrongName");
  return {
    status: "proved",
    place,
    certificate,
    from: certificate.notBefore,
    until: Math.min(certificate.notAfter, authority.until),
  };
};

const ERRORS: ReadonlyMap<string, Unproved> = new Map([
  ["CERT_HAS_EXPIRED", "expired"],
  ["CERT_NOT_YET_VALID", "expired"],
  ["INVALID_PURPOSE", "wrongUsage"],
]);

/**
 * Whether the file still proves what the handshake has, and until when. Node does not give the chain that OpenSSL found. So all authorities
 * of the handshake must still be there, or one that is must have signed the certificate itself.
 */
const authorityNow = (
  certificate: X509Certificate,
  handshake: TrustedAuthorities,
  now: TrustedAuthorities,
): { readonly until: number } | undefined => {
  const issuer = now.certificates.find(
    (candidate) => certificate.checkIssued(candidate) && certificate.verify(candidate.publicKey),
  );
  if (issuer !== undefined) return { until: issuer.validToDate.getTime() };
  const kept = new Set(now.certificates.map(({ fingerprint256 }) => fingerprint256));
  return handshake.certificates.every(({ fingerprint256 }) => kept.has(fingerprint256))
    ? { until: Number.POSITIVE_INFINITY }
    : undefined;
};
