import "reflect-metadata";
import { isIP } from "node:net";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { temporaryFile } from "./temporaryFile.ts";

export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
  /** PEM of the authority that signed it. */
  readonly ca: string;
  /** The same, in a file. */
  readonly caFile: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY = 86_400_000;

/** A new authority and a certificate of it for these names; `expired`: it was good yesterday. */
export async function makeCertificate(names: readonly string[], expired = false): Promise<ServerCertificate> {
  const keysOf = async (): Promise<webcrypto.CryptoKeyPair> =>
    webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const [authority, server] = [await keysOf(), await keysOf()];
  const notBefore = new Date(Date.now() - 2 * DAY);
  const notAfter = new Date(Date.now() + (expired ? -DAY : DAY));
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=test authority",
    notBefore,
    notAfter: new Date(Date.now() + DAY),
    signingAlgorithm: ALGORITHM,
    keys: authority,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: "02",
    subject: "CN=test registry",
    issuer: ca.subject,
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? ("dns" as const) : ("ip" as const), value: name })),
      ),
    ],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", server.privateKey)).toString("base64");
  const caFile = temporaryFile(ca.toString("pem"));
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    cert: leaf.toString("pem"),
    ca: ca.toString("pem"),
    caFile,
  };
}
