import { createHash, X509Certificate } from "node:crypto";
import type { TrustedCertificate } from "../../authority.ts";

export type ParsedCertificates =
  | { readonly status: "ok"; readonly certificates: readonly TrustedCertificate[] }
  | { readonly status: "refused"; readonly message: string };

const MAX_CERTIFICATES = 64;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\s]+)-----END \1-----/g;
/** Spaces that templates and editors leave at the ends of lines, and every kind of line end (RFC 7468, section 2). */
const LINE_BREAK = /[ \t]*(?:\r\n?|\n)[ \t]*/g;

/**
 * Reads every PEM block of a trust store. One block that is no certificate of an authority refuses the whole text: a
 * certificate that was dropped silently would be missed only when it is needed. Whether it has expired is a question
 * for each signature.
 */
export function parseCertificates(text: string): ParsedCertificates {
  const lines = text.replaceAll(LINE_BREAK, "\n");
  const blocks = [...lines.matchAll(BLOCK)];
  const begun = lines.split("-----BEGIN").length - 1;
  if (begun === 0) return refused("holds no PEM block; expected -----BEGIN CERTIFICATE-----");
  if (begun !== blocks.length)
    return refused(`holds ${begun} PEM blocks, of which ${begun - blocks.length} cannot be read`);
  if (begun > MAX_CERTIFICATES) return refused(`holds ${begun} certificates; at most ${MAX_CERTIFICATES} are read`);

  const certificates = new Map<string, TrustedCertificate>();
  for (const [index, [pem, label = ""]] of blocks.entries()) {
    const which = blocks.length === 1 ? "" : `PEM block ${index + 1}: `;
    if (label !== "CERTIFICATE") return refused(`${which}is a PEM block ${label}; expected CERTIFICATE`);
    const certificate = importCertificate(pem);
    if (certificate === undefined) return refused(`${which}does not parse as a certificate`);
    // notation-go's trust store takes the same: a leaf alone would be taken for its authority.
    if (!certificate.ca && !isSelfSigned(certificate))
      return refused(`${which}is neither the certificate of an authority nor one that signs itself`);
    const der = certificate.raw;
    const fingerprint = `sha256:${createHash("sha256").update(der).digest("hex")}`;
    certificates.set(fingerprint, { der, fingerprint });
  }
  return { status: "ok", certificates: [...certificates.values()] };
}

function refused(message: string): ParsedCertificates {
  return { status: "refused", message };
}

function importCertificate(pem: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    // Its key is read only when somebody asks, and then may not parse.
    return certificate.publicKey.type === "public" ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function isSelfSigned(certificate: X509Certificate): boolean {
  try {
    return certificate.verify(certificate.publicKey);
  } catch {
    return false;
  }
}
