/**
 * Cold verifications per second of CPU: `node bench/verification.ts [seconds]`, 2 by default for each row; the last row is per second of the
 * clock. What is measured is the proof of one signature from its bytes to the verdict, without the registry.
 */
import { availableParallelism } from "node:os";
import { verifyCandidate, type VerificationRequest } from "../evidence/sigstore/verify/verifyCandidate.ts";
import type { Candidate } from "../evidence/sigstore/find/candidate.ts";
import type { Signer } from "../evidence/sigstore/proof.ts";
import { createCandidateVerifier } from "../evidence/sigstore/verify/candidateVerifier.ts";
import {
  keyHand,
  payloadOf,
  SIGN,
  sigstoreInstance,
  statementOf,
  type Hand,
} from "../test/unit/evidence/sigstore/sigstoreInstance.ts";

const seconds = Number(process.argv[2] ?? 2);
const digest = `sha256:${"a".repeat(64)}`;
const sigstore = await sigstoreInstance();
const hand = keyHand();
const ci = await sigstore.issue();

const key = (transparencyLog: "Required" | "Ignored"): Signer => ({
  type: "key",
  key: `key ${transparencyLog}`,
  keys: [hand.publicKey.export({ format: "der", type: "spki" })],
  transparencyLog,
  annotations: {},
  ...(transparencyLog === "Required" && { trustRoot: sigstore.trustedRoot }),
});
const keyless: Signer = {
  type: "keyless",
  sct: "Required",
  key: "keyless",
  identities: [{ issuer: "https://issuer.example.com", subject: "https://example.com/workflow@refs/heads/main" }],
  transparencyLog: "Required",
  trustRoot: sigstore.trustedRoot,
  annotations: {},
};
const question = (signer: Signer, candidate: Omit<Candidate, "id">): VerificationRequest => ({
  candidate: { id: "", ...candidate },
  digest,
  signers: [signer],
  signatures: [signer.key],
  attestations: new Map(),
});
const legacy = async (by: Hand, log: "v1" | "none"): Promise<Omit<Candidate, "id">> => {
  const bytes = payloadOf(digest);
  const annotations = await sigstore.annotations(by, bytes, { log });
  const certificate = annotations["dev.sigstore.cosign/certificate"];
  const bundle = annotations["dev.sigstore.cosign/bundle"];
  return {
    format: "legacy",
    type: "simpleSigning",
    bytes,
    annotations: {
      signature: annotations["dev.cosignproject.cosign/signature"] ?? "",
      ...(certificate !== undefined && { certificate }),
      ...(bundle !== undefined && { bundle }),
    },
  };
};
const bundle = async (by: Hand, log: "v1" | "v2" | "none"): Promise<Omit<Candidate, "id">> => ({
  format: "bundle",
  type: "bundle",
  bytes: Buffer.from(JSON.stringify(await sigstore.bundle(by, statementOf(digest, SIGN), { log }))),
  annotations: {},
});

const rows: readonly (readonly [what: string, question: VerificationRequest])[] = [
  ["legacy, key P-256", question(key("Ignored"), await legacy(hand, "none"))],
  ["legacy, key P-256, Rekor v1", question(key("Required"), await legacy(hand, "v1"))],
  ["bundle, key P-256", question(key("Ignored"), await bundle(hand, "none"))],
  ["bundle, key P-256, Rekor v1", question(key("Required"), await bundle(hand, "v1"))],
  ["legacy, keyless, Rekor v1", question(keyless, await legacy(ci, "v1"))],
  ["bundle, keyless, Rekor v1", question(keyless, await bundle(ci, "v1"))],
  ["bundle, keyless, Rekor v2 and timestamp", question(keyless, await bundle(ci, "v2"))],
];

const proved = (answer: { readonly status: string }): boolean =>
  "verdicts" in answer &&
  answer.verdicts instanceof Map &&
  [...answer.verdicts.values()].every((verdict: { status: string }) => verdict.status === "proved");
const show = (what: string, count: number, milliseconds: number): void => {
  const rate = (count * 1000) / milliseconds;
  console.log(
    `  ${what.padEnd(44)} ${rate.toFixed(0).padStart(7)} per second  ${(1000 / rate).toFixed(2).padStart(6)} ms each`,
  );
};

for (const [what, asked] of rows) {
  if (!proved(verifyCandidate(asked))) throw new Error(`${what} is not proved`);
  for (let round = 0; round < 50; round++) verifyCandidate(asked);
  const [start, before] = [performance.now(), process.cpuUsage()];
  let count = 0;
  for (; performance.now() - start < seconds * 1000; count++) verifyCandidate(asked);
  const { user, system } = process.cpuUsage(before);
  show(what, count, (user + system) / 1000);
}

const workers = Math.max(1, availableParallelism() - 1);
const examiner = createCandidateVerifier({ workers });
const last = rows.at(-1)?.[1];
if (last !== undefined) {
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: workers * 20 }, async () => examiner.examine(last, signal)));
  const count = workers * 100;
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, async () => examiner.examine(last, signal)));
  show(`the same in ${workers} worker thread${workers === 1 ? "" : "s"}`, count, performance.now() - start);
}
await examiner.close();
