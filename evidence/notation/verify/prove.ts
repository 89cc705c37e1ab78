import {
  refuse,
  type NotationSigner,
  type Proof,
  type Proved,
  type Refused,
  type RevocationRequest,
  type ProofResult,
} from "../proof.ts";
import { algorithmOf, verifiesWith } from "./algorithm.ts";
import { awsQuestion, profileMatches, readAwsOrigin } from "./awsSigner.ts";
import { isValidAt, readCertificate, type Certificate } from "./certificate.ts";
import { faultOfChain } from "./chain.ts";
import type { Envelope } from "./envelope.ts";
import { enforces, type Check } from "./level.ts";
import { describeSubject, signerName, subjectMatches } from "./subject.ts";
import { readTimestamp } from "./timestamp.ts";

/** What signs an envelope, as far as it is read. */
export interface ParsedSignature {
  readonly envelope: Envelope;
  /** Leaf first. */
  readonly chain: readonly Certificate[];
  /** Why it would not count even if a trusted signer made it: it is of another image. */
  readonly misfit: string | undefined;
}

/** Trusted certificates, parsed. */
export interface Trust {
  readonly certificates: ReadonlySet<string>;
  readonly timestampRoots: readonly Certificate[] | undefined;
}

/**
 * Whether this signer made the signature, at `now` (trust policy specification, "Signature Verification"). Cheap questions come first: a
 * stranger's thousand certificates must not cost a thousand chains. What the level only logs becomes a warning.
 */
export const prove = (signed: ParsedSignature, signer: NotationSigner, trust: Trust, now: number): ProofResult => {
  const { envelope, chain, misfit } = signed;
  const warnings: string[] = [];
  /** A refusal where the level enforces this, and a warning where it logs. */
  const object = (check: Check, refused: Refused): Refused | undefined => {
    if (enforces(signer.level, check)) return refused;
    warnings.push(refused.refusal.message);
    return undefined;
  };

  const origin = originOf(signed, signer);
  if (origin.status === "refused") return origin;
  const authentic = authenticity(signed, signer, trust, origin.profileVersion);
  const unauthentic = authentic === undefined ? undefined : object("authenticity", authentic);
  if (unauthentic !== undefined) return unauthentic;
  if (misfit !== undefined) return refuse("Invalid", "otherImage", misfit);

  const altered = integrity(signed);
  if (altered !== undefined) return altered;

  const { expiry } = envelope.attributes;
  const expired =
    expiry === undefined || now < expiry
      ? undefined
      : object("expiry", refuse("Untrusted", "expired", `expired at ${timeText(expiry)}`));
  if (expired !== undefined) return expired;

  const time = provedTime(signed, trust, now);
  const untimely = time.fault === undefined ? undefined : object("timestamp", time.fault);
  if (untimely !== undefined) return untimely;

  const signedAt = time.signedAt ?? (origin.aws ? timeOfAuthority(envelope) : undefined);
  const until = earliest([expiry, ...time.bounds], now);
  return {
    status: "proved",
    proof: proofOf(chain, signedAt, origin.profileVersion),
    warnings,
    ...(until === undefined ? {} : { until }),
    // Strangers' certificates name addresses of their own choice: nobody asks there.
    ...(signer.revocation === "Skip" || authentic !== undefined
      ? { revocations: [] }
      : revocationsOf(signed, time.authority, origin)),
  };
};

type Origin =
  | Refused
  | {
      readonly status: "ok";
      readonly aws: false;
      readonly profileVersion?: undefined;
      readonly job?: undefined;
    }
  | {
      readonly status: "ok";
      readonly aws: true;
      readonly profileVersion: string;
      readonly job: string;
    };

/** Signing schemes belong to their stores (signing-scheme.md): under an ordinary CA the signing authority's time is the signer's own word. */
const originOf = ({ envelope: { attributes } }: ParsedSignature, { identities }: NotationSigner): Origin => {
  const { scheme, plugin } = attributes;
  if (identities.type !== "signingProfiles") {
    if (scheme !== "notary.x509" || plugin !== undefined)
      return refuse(
        "Untrusted",
        "scheme",
        "was made by a signing authority, such as AWS Signer, which this authority is not (awsSigner)",
      );
    return { status: "ok", aws: false };
  }
  if (scheme !== "notary.x509.signingAuthority" || plugin === undefined)
    return refuse("Untrusted", "scheme", "was not made by AWS Signer");
  const origin = readAwsOrigin(plugin);
  return origin.status === "ok" ? { ...origin, aws: true } : refuse("Invalid", "malformed", origin.message);
};

/** A certificate of the chain is trusted, and names one of the identities. */
const authenticity = (
  { chain }: ParsedSignature,
  { identities }: NotationSigner,
  { certificates }: Trust,
  profileVersion: string | undefined,
): Refused | undefined => {
  const [leaf] = chain;
  if (leaf === undefined || !chain.some(({ fingerprint }) => certificates.has(fingerprint)))
    return refuse("Untrusted", "untrusted", "has a certificate of no trusted authority");
  switch (identities.type) {
    case "any":
      return undefined;
    case "subjects":
      return identities.subjects.some((subject) => matches(subject, leaf))
        ? undefined
        : refuse("Untrusted", "identity", `was made by ${describeSubject(leaf)}`);
    case "signingProfiles":
      return profileVersion !== undefined && profileMatches(identities.arns, profileVersion)
        ? undefined
        : refuse("Untrusted", "identity", `was made with the signing profile ${profileVersion ?? "of nobody"}`);
  }
};

const matches = (subject: Parameters<typeof subjectMatches>[0], leaf: Certificate): boolean => {
  try {
    return subjectMatches(subject, leaf);
  } catch {
    return false;
  }
};

/** The leaf's key made it, and the chain is one; every level enforces both. */
const integrity = ({ envelope, chain }: ParsedSignature): Refused | undefined => {
  const [leaf] = chain;
  if (leaf === undefined) return refuse("Invalid", "malformed", "has no certificates");
  const { algorithm, signed, signature, salt } = envelope;
  if (algorithmOf(leaf.key) !== algorithm)
    return refuse("Invalid", "altered", `says ${algorithm}, which its certificate's key does not sign with`);
  if (!verifiesWith(leaf.key, algorithm, signed, signature, salt))
    return refuse("Invalid", "altered", "was altered: its certificate's key did not make it");
  const fault = faultOfChain(chain, "codeSigning");
  return fault === undefined
    ? undefined
    : refuse("Untrusted", "certificate", `has a chain of certificates that does not hold: ${fault}`);
};

interface ProvedTime {
  readonly fault?: Refused;
  /** Milliseconds, of a trusted timestamp. */
  readonly signedAt?: number;
  readonly authority?: readonly Certificate[];
  /** When this will have changed. */
  readonly bounds: readonly number[];
}

/** The certificates were valid when the signature was made, or are now where nothing says when that was. */
const provedTime = ({ envelope, chain }: ParsedSignature, { timestampRoots }: Trust, now: number): ProvedTime => {
  const { attributes, timestamp, signature } = envelope;
  if (attributes.scheme === "notary.x509.signingAuthority") {
    const { signedAt } = attributes;
    return chain.every((one) => isValidAt(one, signedAt))
      ? { bounds: [] }
      : faulty("has a certificate that was not valid when it was made");
  }
  if (timestampRoots === undefined) {
    const bounds = chain.flatMap(({ notBefore, notAfter }) => [notBefore, notAfter + 1]);
    if (chain.every((one) => isValidAt(one, now))) return { bounds };
    const late = chain.some(({ notAfter }) => now > notAfter);
    return {
      ...faulty(
        late
          ? "has a certificate that has expired, and there is no trusted timestamp authority (timestampCertificates)"
          : "has a certificate that is not valid yet",
      ),
      bounds,
    };
  }
  if (timestamp === undefined) return faulty("has no timestamp");
  const read = readTimestamp(timestamp, signature, timestampRoots);
  if (read.status === "faulty") return faulty(`has a timestamp that ${read.message}`);
  return chain.every(({ notBefore, notAfter }) => read.earliest >= notBefore && read.latest <= notAfter)
    ? { signedAt: read.time, authority: read.chain, bounds: [] }
    : faulty("has a certificate that was not valid at the time of its timestamp");
};

const faulty = (message: string): ProvedTime & { readonly fault: Refused } => ({
  fault: refuse("Untrusted", "timestamp", message),
  bounds: [],
});

const timeOfAuthority = ({ attributes }: Envelope): number | undefined =>
  attributes.scheme === "notary.x509.signingAuthority" ? attributes.signedAt : undefined;

const revocationsOf = (
  { envelope, chain }: ParsedSignature,
  authority: readonly Certificate[] | undefined,
  origin: Exclude<Origin, Refused>,
): Pick<Proved, "revocations" | "aws"> => {
  const signedAt = timeOfAuthority(envelope);
  if (origin.aws && signedAt !== undefined) return { revocations: [], aws: awsQuestion(origin, signedAt, chain) };
  const ask = (of: RevocationRequest["of"], list: readonly Certificate[]): RevocationRequest => ({
    of,
    chain: list.map(({ der }) => der),
  });
  return {
    revocations: [ask("signer", chain), ...(authority === undefined ? [] : [ask("timestampAuthority", authority)])],
  };
};

const proofOf = (
  chain: readonly Certificate[],
  signedAt: number | undefined,
  profileVersion: string | undefined,
): Proof => {
  const [leaf] = chain;
  const fingerprint = leaf?.fingerprint ?? "";
  return {
    fingerprint,
    // A renewed certificate of one subject is one signer.
    signer: profileVersion ?? (leaf === undefined ? fingerprint : signerName(leaf)),
    ...(signedAt === undefined ? {} : { signedAt: new Date(Math.floor(signedAt)).toISOString() }),
  };
};

const earliest = (times: readonly (number | undefined)[], now: number): number | undefined => {
  const coming = times.filter((time) => time !== undefined && time > now).map(Number);
  return coming.length === 0 ? undefined : Math.min(...coming);
};

/** A policy may not show the time of the verdict; that of the signature is a part of it. */
const timeText = (time: number): string => new Date(time).toISOString().replace(".000Z", "Z");

/** Certificates that a signer trusts, parsed once. Throws where one does not parse: the policy's compiler has parsed them all. */
export const trustOf = ({ certificates, timestampCertificates }: NotationSigner): Trust => {
  const read = (list: readonly Uint8Array[]): readonly Certificate[] =>
    list.map((der) => readCertificate(Buffer.from(der)));
  return {
    certificates: new Set(read(certificates).map(({ fingerprint }) => fingerprint)),
    timestampRoots: timestampCertificates === undefined ? undefined : read(timestampCertificates),
  };
};
