import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate authority for clients. */
export interface ClientAuthority {
  readonly pem: string;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** What a client shows. */
export interface ClientPair {
  /** With the certificates that are sent along. */
  readonly cert: string;
  readonly key: string;
}

export interface ClientOptions {
  /** Distinguished name. */
  readonly subject?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** Extended key usages; undefined: no such extension. */
  readonly usages?: readonly string[] | undefined;
  /** Milliseconds from now. */
  readonly from?: number;
  readonly until?: number;
  /** PEM certificates that are sent along. */
  readonly chain?: string;
}

export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const ANY_USAGE = "2.5.29.37.0";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR = 3_600_000;
let serial = 16;

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`;
const around = (from = -HOUR, until = 24 * HOUR): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() + from),
  notAfter: new Date(Date.now() + until),
});
const next = (): string => (serial++).toString(16).padStart(4, "0");

/** A new authority, its own or under another. */
export const clientAuthority = async (name: string, under?: ClientAuthority): Promise<ClientAuthority> => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: under?.name ?? name,
    serialNumber: next(),
    ...around(),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: (under?.keys ?? keys).privateKey,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { pem: pemOf(certificate), name, keys };
};

/** A client's certificate of this authority. */
export const clientOf = async (authority: ClientAuthority, options: ClientOptions = {}): Promise<ClientPair> => {
  const { subject = "CN=apiserver", dns = [], uris = [], from, until, chain = "" } = options;
  const usages = "usages" in options ? options.usages : [CLIENT_AUTH];
  const keys = await newKeys();
  const alternative = [
    ...dns.map((value) => ({ type: "dns" as const, value })),
    ...uris.map((value) => ({ type: "url" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: authority.name,
    serialNumber: next(),
    ...around(from, until),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      ...(usages === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
      ...(alternative.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternative)]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: pemOf(certificate) + chain,
    key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`,
  };
};
