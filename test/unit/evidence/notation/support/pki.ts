// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export type KeyKind = "P-256" | "P-384" | "P-521" | "RSA-2048" | "RSA-3072" | "RSA-4096" | "RSA-1024" | "Ed25519";

/** A certificate with its private key. */
export interface Identity {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly kind: KeyKind;
  /** Itself and its issuers up to the root. */
  readonly chain: readonly x509.X509Certificate[];
}

export interface IssueOptions {
  readonly kind?: KeyKind;
  readonly name?: x509.JsonName;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Instead of those that fit. */
  readonly extensions?: readonly x509.Extension[];
  /** Beside those that fit. */
  readonly more?: readonly x509.Extension[];
  readonly hash?: "SHA-1" | "SHA-256";
  readonly serial?: string;
}

const DAY = 86_400_000;
export const NOW: number = Date.parse("2026-06-15T12:00:00Z");

const paramsOf = (
  kind: KeyKind,
  hash = "SHA-256",
): webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams | { name: string } => {
  if (kind === "Ed25519") return { name: "Ed25519" };
  if (kind.startsWith("P-")) return { name: "ECDSA", namedCurve: kind, hash };
  return {
    name: "RSASSA-PKCS1-v1_5",
    hash,
    modulusLength: Number(kind.slice(4)),
    publicExponent: new Uint8Array([1, 0, 1]),
  };
};

/** RSA keys take long to make: each kind is made a few times only, unless a test wants another. */
const made = new Map<string, Promise<webcrypto.CryptoKeyPair>>();

const keysOf = (kind: KeyKind, name: string): Promise<webcrypto.CryptoKeyPair> => {
  const make = async (): Promise<webcrypto.CryptoKeyPair> =>
    // Every kind here is of a pair.
    (await webcrypto.subtle.generateKey(paramsOf(kind), true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  if (!kind.startsWith("RSA")) return make();
  const key = `${kind} ${name}`;
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
};

export const LEAF_NAME: x509.JsonName = [{ C: ["US"] }, { ST: ["WA"] }, { O: ["company.com"] }, { CN: ["release"] }];

export const leafExtensions = (): x509.Extension[] => [
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
];
export const authorityExtensions = (length?: number): x509.Extension[] => [
  new x509.BasicConstraintsExtension(true, length, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];
export const timestampExtensions = (): x509.Extension[] => [
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping], true),
];

let serials = 1;

const issue = async (
  issuer: Identity | undefined,
  options: IssueOptions,
  fitting: readonly x509.Extension[],
): Promise<Identity> => {
  const { kind = "P-256", name = LEAF_NAME, hash = "SHA-256" } = options;
  const keys = await keysOf(kind, JSON.stringify(name));
  const signer = issuer ?? { kind, keys };
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: options.serial ?? (serials += 1).toString(16).padStart(4, "0"),
    subject: name,
    issuer: issuer === undefined ? name : issuer.certificate.subjectName.toJSON(),
    notBefore: options.notBefore ?? new Date(NOW - 30 * DAY),
    notAfter: options.notAfter ?? new Date(NOW + 30 * DAY),
    signingAlgorithm: paramsOf(signer.kind, hash),
    publicKey: keys.publicKey,
    signingKey:
      hash === "SHA-256" || signer.kind.startsWith("P-")
        ? signer.keys.privateKey
        : await rekeyed(signer.keys.privateKey, signer.kind, hash),
    extensions: [...(options.extensions ?? fitting), ...(options.more ?? [])],
  });
  return { certificate, keys, kind, chain: [certificate, ...(issuer?.chain ?? [])] };
};

const rekeyed = async (key: webcrypto.CryptoKey, kind: KeyKind, hash: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey("pkcs8", await webcrypto.subtle.exportKey("pkcs8", key), paramsOf(kind, hash), true, [
    "sign",
  ]);

export const makeRoot = (options: IssueOptions = {}): Promise<Identity> =>
  issue(
    undefined,
    { name: [{ C: ["US"] }, { O: ["company.com"] }, { CN: ["root"] }], ...options },
    authorityExtensions(),
  );

export const makeAuthority = (issuer: Identity, options: IssueOptions = {}): Promise<Identity> =>
  issue(
    issuer,
    { name: [{ C: ["US"] }, { O: ["company.com"] }, { CN: ["intermediate"] }], ...options },
    authorityExtensions(),
  );

export const makeLeaf = (issuer: Identity | undefined, options: IssueOptions = {}): Promise<Identity> =>
  issue(issuer, options, leafExtensions());

export const makeTimestamper = (issuer: Identity, options: IssueOptions = {}): Promise<Identity> =>
  issue(issuer, { name: [{ O: ["company.com"] }, { CN: ["timestamps"] }], ...options }, timestampExtensions());

export const derOf = (certificate: x509.X509Certificate): Buffer => Buffer.from(certificate.rawData);
export const pemOf = (...identities: readonly Identity[]): string =>
  identities.map(({ certificate }) => `${certificate.toString("pem")}\n`).join("");
export const chainPem = ({ chain }: Identity): string => chain.map((one) => `${one.toString("pem")}\n`).join("");
export const privateKeyOf = ({ keys }: Identity): KeyObject => KeyObject.from(keys.privateKey);
export const keyPem = (identity: Identity): string =>
  String(privateKeyOf(identity).export({ format: "pem", type: "pkcs8" }));
