import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { TrustMaterial } from "@sigstore/verify";
import type { CompiledIdentity } from "../../../policy/authority.ts";
import type { ParsedSignature } from "../find/candidate.ts";
import { readLeaf, type LeafCertificate } from "./leafCertificate.ts";
import { logFault, logInUse, promisedEntries, timeOf } from "./logEntry.ts";
import { refuse, type Circumstances, type ProofResult } from "../proof.ts";
import { earliest, proveTimestamps } from "./proveTimestamps.ts";
import { runVerifier, type Failure } from "./runVerifier.ts";
import { signatureContent } from "./signatureContent.ts";
import { withUnseenPromises } from "./withUnseenPromises.ts";

/**
 * Whether one of these identities made the signature: the certificate names it, chains to the trust root at a signed time,
 * was logged (SCT) where the policy asks for it, and its key made the signature. Cheap questions come first: an
 * attacker's thousand certificates must not cost a thousand chains.
 */
export const proveByCertificate = (
  signed: ParsedSignature,
  identities: readonly CompiledIdentity[],
  {
    transparencyLog,
    sct,
    material,
    misfit,
  }: Circumstances & {
    readonly material: TrustMaterial;
    readonly sct: "Required" | "Ignored";
  },
): ProofResult => {
  if (signed.certificate === undefined)
    return refuse("Untrusted", "otherSigner", "was made with a bare key, not with a certificate");
  const read = readLeaf(signed.certificate);
  if (read.status === "refused") return refuse("Untrusted", "unfitCertificate", read.message);
  const { leaf } = read;
  if (!identities.some((identity) => identityMatches(identity, leaf)))
    return refuse("Untrusted", "otherSigner", `was made by ${describe(leaf)}${otherClaims(identities, leaf)}`);
  const content = signatureContent(signed);
  if (!content.verifySignature(leaf.key))
    return refuse("Invalid", "altered", "was altered: its certificate's key did not make it");
  if (!issuedBy(leaf, material))
    return refuse("Untrusted", "untrustedCertificate", "has a certificate of an untrusted authority");
  if (misfit !== undefined) return { status: "refused", refusal: misfit };

  const logged = transparencyLog === "Required";
  const timestamps = proveTimestamps(signed, content, material);
  const entries = logged ? logFault(signed, { key: leaf.key, certificate: signed.certificate }, material) : NO_ENTRIES;
  if (entries.status === "faulty") return refuse("Transparency", "transparency", entries.message);
  const promised = logged ? promisedEntries(signed.entries).map(timeOf) : [];
  const times = [...promised, ...timestamps.map(({ time }) => time)];
  // A certificate lives for minutes: without a signed time nobody knows whether it was valid.
  if (times.length === 0)
    return refuse("Transparency", "transparency", logged ? "has no signed time" : "has no trusted timestamp");
  if (logged && !signed.entries.every((entry) => times.some((time) => logInUse(entry, time, material.tlogs))))
    return refuse("Transparency", "transparency", "has an entry of a log that is not trusted or was not in use");

  const logPromised = sct === "Required";
  const failure = runVerifier(
    material,
    {
      tlogThreshold: entries.remaining.length === 0 ? 0 : 1,
      ctlogThreshold: logPromised ? 1 : 0,
      timestampThreshold: 1,
    },
    {
      signature: content,
      key: {
        $case: "certificate",
        certificate: logPromised ? leaf.certificate : withUnseenPromises(leaf.certificate),
      },
      tlogEntries: [...entries.remaining],
      timestamps: [
        ...(logged ? promisedEntries(signed.entries) : []).map(
          (tlogEntry) => ({ $case: "transparency-log", tlogEntry }) as const,
        ),
        ...timestamps.map(({ entry }) => entry),
      ],
    },
  );
  if (failure !== undefined) return refusalOf(failure);
  const signedAt = earliest(times);
  const proof = {
    fingerprint: leaf.fingerprint,
    signer: `${leaf.issuer}\n${leaf.subject}`,
    ...(signedAt && { signedAt }),
  };
  return { status: "proved", proof };
};

const NO_ENTRIES: { readonly status: "sound"; readonly remaining: readonly TransparencyLogEntry[] } = {
  status: "sound",
  remaining: [],
};

const identityMatches = (identity: CompiledIdentity, { issuer, subject, claims }: LeafCertificate): boolean =>
  identity.issuer(issuer) &&
  identity.subject(subject) &&
  Object.entries(identity.claims).every(([name, value]) => claims.get(name) === value);

/** For messages: what the certificate says, cut short, since whoever pushed it wrote it. */
const describe = ({ issuer, subject }: LeafCertificate): string =>
  `${printable(subject)} (issuer ${printable(issuer)})`;

/** The claims that are missing where issuer and subject are the right ones: the message would name just whom the policy trusts. */
const otherClaims = (identities: readonly CompiledIdentity[], { issuer, subject, claims }: LeafCertificate): string => {
  const near = identities.find((identity) => identity.issuer(issuer) && identity.subject(subject));
  const missing = Object.entries(near?.claims ?? {}).filter(([name, value]) => claims.get(name) !== value);
  const list = missing.map(([name, value]) => `${name}=${value}`).join(", ");
  return list === "" ? "" : ` without the claim ${list}`;
};

const printable = (text: string): string => {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return clean.length > 120 ? `${clean.slice(0, 117)}...` : clean;
};

/** One signature check instead of a whole chain, for certificates that somebody made up. */
const issuedBy = ({ certificate }: LeafCertificate, { certificateAuthorities }: TrustMaterial): boolean =>
  certificateAuthorities.some(({ certChain }) =>
    certChain.some((issuer) => {
      try {
        return issuer.subject.equals(certificate.issuer) && certificate.verify(issuer);
      } catch {
        return false;
      }
    }),
  );

const refusalOf = ({ part, message }: Failure): ProofResult => {
  switch (part) {
    case "certificate":
      return refuse("Untrusted", "untrustedCertificate", `has a certificate that does not hold (${message})`);
    case "log":
      return refuse("Transparency", "transparency", `has a log entry that does not hold (${message})`);
    case "time":
      return refuse("Transparency", "transparency", `has no signed time that holds (${message})`);
    case "signature":
      return refuse("Invalid", "altered", "was altered: its certificate's key did not make it");
    case "unknown":
      return refuse("Invalid", "malformed", "cannot be read as a signature");
  }
};
