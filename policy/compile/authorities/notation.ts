import type { CertificateSource, Notation } from "../../../crds/types.ts";
import type { NotationAuthority, NotationIdentities, SubjectIdentity, TrustedCertificate } from "../../authority.ts";
import { parseCertificates } from "./certificates.ts";
import { readText } from "../dataSource.ts";
import { parseDistinguishedName } from "./distinguishedName.ts";
import type { Resolve } from "../resolve.ts";
import { fault, ok, type Result } from "../result.ts";
import { regionOfProfile } from "./signingProfile.ts";

/** What is of notation in an authority, and not of every authority. */
export type NotationTrust = Omit<NotationAuthority, "name" | "id" | "repository">;

/** Compiles `notation`: its stores of certificates, and whom of those that they certify it trusts. */
export function compileNotation(spec: Notation, path: string, resolve: Resolve): Result<NotationTrust> {
  const certificates = compileStore(spec.certificates, `${path}.certificates`, resolve);
  if (certificates.status === "fault") return certificates;
  const identities = spec.awsSigner
    ? compileProfiles(spec.identities, `${path}.identities`)
    : compileSubjects(spec.identities, `${path}.identities`);
  if (identities.status === "fault") return identities;
  const { timestampCertificates: source, level = "strict", revocation = "Check" } = spec;
  if (spec.awsSigner && source !== undefined)
    return fault(
      "InvalidSpec",
      `${path}.timestampCertificates`,
      "AWS Signer says itself when it signed; leave them out with awsSigner",
    );
  const timestamps = source === undefined ? undefined : compileStore(source, `${path}.timestampCertificates`, resolve);
  if (timestamps?.status === "fault") return timestamps;
  return ok({
    type: "notation",
    certificates: certificates.value,
    identities: identities.value,
    level,
    revocation,
    ...(timestamps === undefined ? {} : { timestampCertificates: timestamps.value }),
  });
}

/** Everything that a verdict depends on, for the authority's id: what certificates say, not where they were written. */
export function settingsOf({
  certificates,
  identities,
  level,
  revocation,
  timestampCertificates,
}: NotationTrust): readonly unknown[] {
  return [
    fingerprints(certificates),
    identities,
    level,
    revocation,
    timestampCertificates === undefined ? null : fingerprints(timestampCertificates),
  ];
}

function fingerprints(certificates: readonly TrustedCertificate[]): readonly string[] {
  return certificates.map(({ fingerprint }) => fingerprint).toSorted();
}

function compileStore(
  { secretRef, configMapRef, pem }: CertificateSource,
  path: string,
  resolve: Resolve,
): Result<readonly TrustedCertificate[]> {
  const source = {
    ...(secretRef && { secretRef }),
    ...(configMapRef && { configMapRef }),
    ...(pem !== undefined && { inline: pem }),
  };
  const read = readText(source, path, resolve, "secretRef, configMapRef and pem");
  if (read.status === "fault") return read;
  const parsed = parseCertificates(read.text);
  return parsed.status === "ok" ? ok(parsed.certificates) : fault("CertificateInvalid", read.path, parsed.message);
}

const SUBJECT = /^x509\.subject:/;

function compileSubjects(written: readonly string[], path: string): Result<NotationIdentities> {
  if (written.length === 0) return nobody(path);
  if (written.includes("*"))
    return written.length === 1
      ? ok({ type: "any" })
      : fault("InvalidSpec", path, '"*" trusts everybody already: write it alone, or leave it out');
  const subjects: SubjectIdentity[] = [];
  for (const [index, identity] of written.entries()) {
    const where = `${path}[${index}]`;
    if (!SUBJECT.test(identity))
      return fault(
        "InvalidSpec",
        where,
        `${JSON.stringify(identity)} is neither "*" nor "x509.subject: C=US, ST=WA, O=company.com"`,
      );
    const parsed = parseDistinguishedName(identity.replace(SUBJECT, ""));
    if (parsed.status === "fault") return fault("InvalidSpec", where, parsed.message);
    subjects.push(parsed.identity);
  }
  return ok({ type: "subjects", subjects });
}

function compileProfiles(written: readonly string[], path: string): Result<NotationIdentities> {
  if (written.length === 0) return nobody(path);
  const wrong = written.findIndex((arn) => regionOfProfile(arn) === undefined);
  return wrong === -1
    ? ok({ type: "signingProfiles", arns: written })
    : fault(
        "InvalidSpec",
        `${path}[${wrong}]`,
        `${JSON.stringify(written[wrong])} is no signing profile of AWS Signer, such as arn:aws:signer:us-east-1:111122223333:/signing-profiles/release`,
      );
}

function nobody(path: string): Result<never> {
  return fault("InvalidSpec", path, "name at least one identity: without one nobody is trusted");
}
