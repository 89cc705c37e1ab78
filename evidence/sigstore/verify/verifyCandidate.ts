import { LRUCache } from "lru-cache";
import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { CompiledIdentity } from "../../../policy/authority.ts";
import { compileIdentity } from "../../../policy/compile/authorities/identities.ts";
import { field, textField } from "../../../json/fields.ts";
import { IN_TOTO } from "../find/formats.ts";
import { kindOf, Malformed, type Candidate, type CandidateKind, type ParsedSignature } from "../find/candidate.ts";
import { readSignedPayload, type SignedPayload } from "./signedPayload.ts";
import { refusal, refuse, type Refusal, type Signer, type ProofResult } from "../proof.ts";
import { proveByCertificate } from "./proveByCertificate.ts";
import { proveByKey } from "./proveByKey.ts";
import { parseSignatures } from "./parseSignatures.ts";
import { trustMaterialOf } from "./trustMaterial.ts";

/** What is asked about one candidate. Cloneable, for workers. */
export interface VerificationRequest {
  readonly candidate: Candidate;
  /** The image's digest: what a signature must name. */
  readonly digest: string;
  readonly signers: readonly Signer[];
  /** Keys of the signers that are asked if the candidate is an image signature. */
  readonly signatures: readonly string[];
  /** Keys of the signers that are asked if it is an attestation, by predicate type. */
  readonly attestations: ReadonlyMap<string, readonly string[]>;
}

export type VerificationResult =
  | {
      readonly status: "malformed";
      readonly kind: CandidateKind;
      readonly message: string;
      /** It may be genuine, and what it says is not known: it is over a bound, or somebody trusted signed it. */
      readonly genuine?: true;
    }
  | {
      readonly status: "read";
      readonly kind: SignedPayload["kind"];
      /** Empty for a simple signing payload. */
      readonly predicateType: string;
      /** By signer key; only those that were asked. */
      readonly verdicts: ReadonlyMap<string, ProofResult>;
      /**
       * SHA-256 of what was signed, where somebody trusted signed it: anybody can push the same signature again in other bytes, but nobody
       * else can sign other content.
       */
      readonly content?: string;
      /** RFC 3339, where a proved predicate says when a scan was finished: no report in it is newer. */
      readonly finishedAt?: string;
      /** Only where somebody proved it. A large one comes as text instead (`provedStatement` takes both). */
      readonly statement?: unknown;
      readonly statementText?: string;
    };

/**
 * Examines a candidate: pure computation over bytes, in a worker or in place. Never throws: what cannot be read is malformed,
 * and whatever a verification throws is a refusal.
 */
export const verifyCandidate = ({
  candidate,
  digest,
  signers,
  signatures,
  attestations,
}: VerificationRequest): VerificationResult => {
  let all: readonly ParsedSignature[] = [];
  let readings: readonly { readonly signed: ParsedSignature; readonly claim: SignedPayload }[];
  try {
    all = parseSignatures(candidate);
    readings = all.map((signed) => ({ signed, claim: readSignedPayload(signed, digest) }));
  } catch (error) {
    const overBound = error instanceof Malformed && error.overBound;
    const genuine = overBound || signers.some((signer) => all.some((signed) => isOf(signer, signed)));
    return malformed(candidate, error instanceof Malformed ? error.message : "cannot be read", genuine);
  }
  // The signatures of one envelope share what they sign.
  const claim = readings[0]?.claim;
  if (claim === undefined) return malformed(candidate, "has no signature");

  const { kind, predicateType, statement } = claim;
  const asked = new Set(kind === "signature" ? signatures : (attestations.get(predicateType) ?? []));
  const verdicts = new Map<string, ProofResult>();
  for (const signer of signers) {
    if (!asked.has(signer.key)) continue;
    const misfit = misfitOf(claim, signer);
    verdicts.set(signer.key, best(readings.map(({ signed }) => prove(signed, signer, misfit))));
  }
  const proved = [...verdicts.values()].some(({ status }) => status === "proved");
  const said = proved && kind === "attestation" ? inTransit(statement, readings[0]?.signed) : {};
  const content = readings[0] !== undefined && isCostly(verdicts) ? { content: contentOf(readings[0].signed) } : {};
  const finishedAt = proved ? textField(field(field(statement, "predicate"), "metadata"), "scanFinishedOn") : undefined;
  const finished = finishedAt === undefined ? {} : { finishedAt };
  return { status: "read", kind, predicateType, verdicts, ...content, ...finished, ...said };
};

/**
 * Whether a candidate was proved to the end, so that it counts against the limit: somebody trusted made it. Junk never gets
 * so far, whatever its number.
 */
const isCostly = (verdicts: ReadonlyMap<string, ProofResult>): boolean =>
  [...verdicts.values()].some((verdict) => verdict.status === "proved" || verdict.refusal.reason === "Transparency");

/** Whether a signer made this, whatever it says. */
const isOf = (signer: Signer, signed: ParsedSignature): boolean =>
  signed.content.type === "dsse" &&
  signed.content.payloadType === IN_TOTO &&
  prove(signed, signer, undefined).status === "proved";

const contentOf = ({ content }: ParsedSignature): string =>
  createHash("sha256")
    .update(content.type === "dsse" ? content.payload : content.bytes)
    .digest("base64url");

/** Objects are cloned one by one between threads (20,000 take 35 ms of the receiver's), text is copied as a whole. */
const LARGE_STATEMENT = 64 * 1024;

const inTransit = (
  statement: unknown,
  signed: ParsedSignature | undefined,
): { readonly statement: unknown } | { readonly statementText: string } =>
  signed?.content.type === "dsse" && signed.content.payload.length > LARGE_STATEMENT
    ? { statementText: new TextDecoder("utf-8", { fatal: true }).decode(signed.content.payload) }
    : { statement };

const malformed = ({ type }: Candidate, message: string, genuine: boolean = false): VerificationResult => ({
  status: "malformed",
  kind: kindOf(type),
  message,
  ...(genuine && { genuine }),
});

const misfitOf = ({ names, annotations }: SignedPayload, signer: Signer): Refusal | undefined => {
  if (!names) return refusal("Invalid", "otherImage", "is of another image");
  const lacking = Object.entries(signer.annotations).filter(
    ([name, value]) => !Object.hasOwn(annotations, name) || annotations[name] !== value,
  );
  if (lacking.length === 0) return undefined;
  const list = lacking.map(([name, value]) => `${name}=${value}`).join(", ");
  return refusal("Untrusted", "annotations", `was signed without the annotation ${list}`);
};

const prove = (signed: ParsedSignature, signer: Signer, misfit: Refusal | undefined): ProofResult => {
  try {
    const { transparencyLog, trustRoot } = signer;
    const material = trustRoot === undefined ? undefined : trustMaterialOf(trustRoot);
    if (signer.type === "key") return proveByKey(signed, keysOf(signer), { transparencyLog, material, misfit });
    return material === undefined
      ? refuse("Untrusted", "untrustedCertificate", "cannot be proved without a trust root")
      : proveByCertificate(signed, identitiesOf(signer), { transparencyLog, sct: signer.sct, material, misfit });
  } catch {
    return refuse("Invalid", "malformed", "cannot be read as a signature");
  }
};

const NO_SIGNATURE = refuse("Invalid", "malformed", "has no signature");

const best = ([first = NO_SIGNATURE, ...others]: readonly ProofResult[]): ProofResult =>
  others.reduce((a, b) => (rank(b) > rank(a) ? b : a), first);

const rank = (verdict: ProofResult): number => (verdict.status === "proved" ? Infinity : verdict.refusal.closeness);

/** Compiled once for each signer, not for each candidate; by its key, which changes with its content. */
const keys = new LRUCache<string, readonly KeyObject[]>({ max: 500 });
const identities = new LRUCache<string, readonly CompiledIdentity[]>({ max: 500 });

const keysOf = (signer: Signer & { readonly type: "key" }): readonly KeyObject[] => {
  const known = keys.get(signer.key);
  if (known !== undefined) return known;
  const imported = signer.keys.map((der) => createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" }));
  keys.set(signer.key, imported);
  return imported;
};

const identitiesOf = (signer: Signer & { readonly type: "keyless" }): readonly CompiledIdentity[] => {
  const known = identities.get(signer.key);
  if (known !== undefined) return known;
  const compiled = signer.identities.map((spec) => {
    const result = compileIdentity(spec, "");
    // Compiled with the policy already; one that fails here must not leave a list that matches by its absence.
    if (result.status === "fault") throw new Error(result.fault.message);
    return result.identity;
  });
  identities.set(signer.key, compiled);
  return compiled;
};
