import { X509Certificate, createPrivateKey } from "node:crypto";
import type { IssuedPair } from "./issue.ts";

/** What the webhook's Secret holds. */
export interface Material {
  /** The authority that signs now. */
  readonly authority: IssuedPair;
  /** PEM certificates of every authority that is trusted, the current one first: the `caBundle`. */
  readonly bundle: readonly string[];
  readonly serving: IssuedPair;
  /** Milliseconds since the epoch: when the current authority took over. */
  readonly authoritySince: number;
}

/** PEM certificates in a text, each by itself. */
export const splitPem = (text: string): readonly string[] =>
  text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.map((pem) => `${pem}\n`) ?? [];

/** Whether the text is a certificate. */
export const isCertificate = (pem: string): boolean => sound(() => new X509Certificate(pem).subject !== "");

/** A certificate's end, in milliseconds since the epoch. */
export const expiryOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime();

/** Whether a certificate's time has begun and not ended. `now` in milliseconds since the epoch. */
export const isValidAt = (pem: string, now: number): boolean =>
  new X509Certificate(pem).validFromDate.getTime() <= now && now < expiryOf(pem);

/** The same for two PEM texts of one certificate, however they are wrapped. */
export const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

/** Whether two PEM texts are the same certificate, however they are wrapped. */
export const sameCertificate = (one: string, other: string): boolean => fingerprintOf(one) === fingerprintOf(other);

/** Whether the pair is a certificate authority with its own key. */
export const isAuthority = ({ cert, key }: IssuedPair): boolean =>
  sound(() => {
    const certificate = new X509Certificate(cert);
    return certificate.ca && certificate.checkPrivateKey(createPrivateKey(key));
  });

/** Whether the pair can serve under all of `names`, signed by `authority`. */
export const isServing = ({ cert, key }: IssuedPair, authority: string, names: readonly string[]): boolean =>
  sound(() => {
    const certificate = new X509Certificate(cert);
    const issuer = new X509Certificate(authority);
    return (
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey) &&
      names.every((name) => certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined)
    );
  });

/** What does not parse is not sound. */
const sound = (check: () => boolean): boolean => {
  try {
    return check();
  } catch {
    return false;
  }
};
