import { readFileSync } from "node:fs";
import type { NotationSigner, ProofResult } from "../../../../../evidence/notation/proof.ts";
import { verifyCandidate } from "../../../../../evidence/notation/verify/verifyCandidate.ts";
import type { Target } from "../../../../../evidence/notation/verify/payload.ts";
import { parseCertificates } from "../../../../../policy/compile/authorities/certificates.ts";
import { IMAGE, type Format } from "./envelopes.ts";
import { derOf, NOW, type Identity } from "./pki.ts";

/** A file that `generate.sh` made with real notation. */
export interface Fixture {
  readonly made: string;
  readonly repository: string;
  readonly image: Target;
  readonly certificates: string;
  readonly timestampCertificates?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly manifests: readonly { readonly mediaType: string; readonly bytes: string }[];
  readonly blobs: readonly string[];
}

export const readFixture = (name: string): Fixture =>
  // Written by `generate.ts` in this form.
  JSON.parse(readFileSync(new URL(`../../../../fixtures/notation/${name}.json`, import.meta.url), "utf8")) as Fixture;

export const derIn = (pem: string): readonly Uint8Array[] => {
  const parsed = parseCertificates(pem);
  if (parsed.status !== "ok") throw new Error(parsed.message);
  return parsed.certificates.map(({ der }) => der);
};

let count = 0;

/** A signer that trusts these roots, and everybody whom they certify, unless the test says otherwise. */
export const signerOf = (roots: readonly Identity[] | string, more: Partial<NotationSigner> = {}): NotationSigner => ({
  key: `signer ${(count += 1)}`,
  certificates: typeof roots === "string" ? derIn(roots) : roots.map(({ certificate }) => derOf(certificate)),
  identities: { type: "any" },
  level: "strict",
  revocation: "Check",
  ...more,
});

export const signerOfFixture = (fixture: Fixture, more: Partial<NotationSigner> = {}): NotationSigner =>
  signerOf(fixture.certificates, {
    ...(fixture.timestampCertificates === undefined
      ? {}
      : { timestampCertificates: derIn(fixture.timestampCertificates) }),
    ...more,
  });

export const formatOfFixture = (name: string): Format => (name.startsWith("jws") ? "jws" : "cose");

/** What one signer says of an envelope, in words: `proved`, with warnings, or `REASON: message`. */
export const verdictOf = (
  bytes: Uint8Array,
  signer: NotationSigner,
  {
    format = "jws",
    image = IMAGE,
    now = NOW,
  }: { readonly format?: Format; readonly image?: Target; readonly now?: number } = {},
): ProofResult => {
  const answer = verifyCandidate({ candidate: { format, bytes }, image, signers: [signer], now });
  if (answer.status === "malformed")
    return {
      status: "refused",
      refusal: { reason: "Invalid", closeness: -1, message: `malformed: ${answer.message}` },
    };
  const verdict = answer.verdicts.get(signer.key);
  if (verdict === undefined) throw new Error("no verdict");
  return verdict;
};

export const inWords = (verdict: ProofResult): string =>
  verdict.status === "proved"
    ? ["proved", ...verdict.warnings].join("; ")
    : `${verdict.refusal.reason}: ${verdict.refusal.message}`;
