/**
 * Cold verifications of notation's signatures per second of CPU: `node bench/notation.ts [seconds]`, 2 by default for each row. What is
 * measured is the proof of one signature from its bytes to the verdict, with a chain of three certificates, without registry and revocation.
 */
import "reflect-metadata";
import type { NotationSigner } from "../evidence/notation/proof.ts";
import { verifyCandidate, type VerificationRequest } from "../evidence/notation/verify/verifyCandidate.ts";
import { IMAGE, makeEnvelope, type Format } from "../test/unit/evidence/notation/support/envelopes.ts";
import {
  derOf,
  makeAuthority,
  makeLeaf,
  makeRoot,
  makeTimestamper,
  NOW,
  type Identity,
  type KeyKind,
} from "../test/unit/evidence/notation/support/pki.ts";
import { makeToken } from "../test/unit/evidence/notation/support/signing.ts";

const seconds = Number(process.argv[2] ?? 2);
const root = await makeRoot();
const authority = await makeAuthority(root);
const tsa = await makeTimestamper(root, { kind: "RSA-2048" });
/** More than are kept parsed, so that each one is new when its turn comes. */
const STRANGERS = 1_500;

const signer = (timestamps: boolean): NotationSigner => ({
  key: `timestamps ${timestamps}`,
  certificates: [derOf(root.certificate)],
  identities: {
    type: "subjects",
    subjects: [
      [
        ["C", "US"],
        ["ST", "WA"],
        ["O", "company.com"],
      ],
    ],
  },
  level: "strict",
  revocation: "Check",
  ...(timestamps && { timestampCertificates: [derOf(root.certificate)] }),
});
const question = (format: Format, by: Identity, timestamps = false): VerificationRequest => ({
  candidate: {
    format,
    bytes: makeEnvelope(by, { format, ...(timestamps && { timestamp: (signature) => makeToken(tsa, signature) }) }),
  },
  image: IMAGE,
  signers: [signer(timestamps)],
  now: NOW,
});

const rows: [what: string, questions: readonly VerificationRequest[]][] = [];
for (const format of ["jws", "cose"] as const) {
  for (const kind of ["P-256", "P-384", "RSA-2048"] as const satisfies readonly KeyKind[])
    rows.push([`${format}, ${kind}`, [question(format, await makeLeaf(authority, { kind }))]]);
  rows.push([`${format}, P-256, timestamp`, [question(format, await makeLeaf(authority), true)]]);
  const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => makeLeaf(authority)));
  rows.push([`${format}, P-256, a certificate never seen`, strangers.map((one) => question(format, one))]);
}

for (const [what, questions] of rows) {
  const ask = (nth: number): void => {
    const asked = questions[nth % questions.length];
    const answer = asked === undefined ? undefined : verifyCandidate(asked);
    if (answer?.status !== "read" || [...answer.verdicts.values()].some(({ status }) => status !== "proved"))
      throw new Error(`${what} is not proved`);
  };
  for (let nth = 0; nth < 50; nth += 1) ask(nth);
  const [start, before] = [performance.now(), process.cpuUsage()];
  let count = 0;
  for (; performance.now() - start < seconds * 1000; count += 1) ask(count + 50);
  const { user, system } = process.cpuUsage(before);
  const rate = (count * 1_000_000) / (user + system);
  console.log(
    `  ${what.padEnd(44)} ${rate.toFixed(0).padStart(7)} per second  ${(1000 / rate).toFixed(2).padStart(6)} ms each`,
  );
}
