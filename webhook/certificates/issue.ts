// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface IssuedPair {
  readonly cert: string;
  readonly key: string;
}

const DAY = 86_400_000;
/** Milliseconds that a certificate authority is valid: ten years. */
const CA_LIFETIME: number = 3_650 * DAY;
/** Milliseconds that a serving certificate is valid: one year. */
const SERVING_LIFETIME: number = 365 * DAY;
/** Milliseconds: both are valid from a little before now on, for clocks that go behind. */
const BACKDATED = 3_600_000;

/** P-256: a handshake costs a fifth of what RSA 2048 does, and every Go client takes it. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** With an end of line, so that certificates can be put one after the other. */
const pair = async (certificate: X509Certificate, key: webcrypto.CryptoKey): Promise<IssuedPair> => ({
  cert: `${certificate.toString("pem")}\n`,
  key: `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`,
});

/** 16 random bytes, positive. */
const serial = (): string => {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes.readUInt8(0) & 0x7f) | 0x40;
  return bytes.toString("hex");
};

/** Makes a new certificate authority. `now` in milliseconds since the epoch. */
export const issueAuthority = async (now: number): Promise<IssuedPair> => {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const serialNumber = serial();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // Old and new authority stand in one bundle: another name each keeps verifiers from trying the wrong one.
    name: `CN=image-security webhook CA ${serialNumber.slice(0, 8)}`,
    serialNumber,
    notBefore: new Date(now - BACKDATED),
    notAfter: new Date(now + CA_LIFETIME),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await pair(certificate, keys.privateKey);
};

/** Makes a serving certificate for these DNS names and IP addresses; it does not outlive its authority. */
export const issueServing = async (
  authority: IssuedPair,
  names: readonly string[],
  now: number,
): Promise<IssuedPair> => {
  const issuer = new X509Certificate(authority.cert);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    PemConverter.decodeFirst(authority.key),
    ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    // The names stand in the alternative names alone: a common name holds 64 characters, a Service's name may take more.
    subject: "CN=image-security webhook",
    issuer: issuer.subject,
    serialNumber: serial(),
    notBefore: new Date(now - BACKDATED),
    notAfter: new Date(Math.min(now + SERVING_LIFETIME, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return await pair(certificate, keys.privateKey);
};
