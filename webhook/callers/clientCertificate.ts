// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import type { X509Certificate } from "node:crypto";
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509Certificate as ParsedCertificate,
} from "@peculiar/x509";
import { LRUCache } from "lru-cache";

/** What a client certificate says of its holder. Nothing of it is proved by being said. */
export interface ClientCertificate {
  /** The common name, where there is exactly one, and every DNS and URI name. */
  readonly names: readonly string[];
  /** Whether it is for clients: extended key usage clientAuth, spelled out. */
  readonly forClients: boolean;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly fingerprint: string;
}

/**
 * An API server shows one certificate on every connection, and opens one for each review of a crowd beyond what it keeps. Strangers' cost it no
 * more than being read once more.
 */
const read = new LRUCache<string, ClientCertificate>({ max: 64 });

/** Reads a certificate; undefined where it cannot be read. */
export const readClientCertificate = (certificate: X509Certificate): ClientCertificate | undefined => {
  const { fingerprint256 } = certificate;
  const known = read.get(fingerprint256);
  if (known !== undefined) return known;
  const fresh = parsedOf(certificate);
  if (fresh !== undefined) read.set(fingerprint256, fresh);
  return fresh;
};

const parsedOf = (certificate: X509Certificate): ClientCertificate | undefined => {
  try {
    const parsed = new ParsedCertificate(certificate.raw);
    const common = parsed.subjectName.getField("CN");
    const alternative = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    return {
      names: [
        // Of several nobody knows which is meant: Go takes the last one, others the first.
        ...(common.length === 1 ? common : []),
        ...alternative.flatMap(({ type, value }) => (type === "dns" || type === "url" ? [value] : [])),
      ],
      // A certificate without the extension is good for everything in X.509: a server's must not do here.
      forClients: parsed.getExtension(ExtendedKeyUsageExtension)?.usages.includes(ExtendedKeyUsage.clientAuth) === true,
      notBefore: parsed.notBefore.getTime(),
      notAfter: parsed.notAfter.getTime(),
      fingerprint: certificate.fingerprint256,
    };
  } catch {
    return undefined;
  }
};
