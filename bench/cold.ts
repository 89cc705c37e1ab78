/**
 * Cold decisions: `node bench/cold.ts [reviews] [digests]`, 200 and 20 by default. So many reviews of one new digest arrive together; the
 * registry counts what it is asked. Bar: one manifest read and one lookup of signatures for each digest.
 */
import { generateKeyPairSync } from "node:crypto";
import { createReview } from "../engine/review.ts";
import { startEvidence } from "../operator/evidence.ts";
import { SILENT } from "../kube/log.ts";
import { readSettings } from "../operator/settings/settings.ts";
import { compilePolicy } from "../policy/compile/policy.ts";
import { subjectOf } from "../policy/subject/subjectOf.ts";
import { makeImage } from "../sandbox/registry/images.ts";
import { addToStore } from "../sandbox/registry/push.ts";
import { startRegistry } from "../sandbox/registry/server.ts";

const reviews = Number(process.argv[2] ?? 200);
const digests = Number(process.argv[3] ?? 20);

const read = readSettings(["--registry-plain-http=127.0.0.1", "--allow-address=127.0.0.0/8"], {});
if (read.status !== "ok") throw new Error("the flags of this benchmark are not the operator's any more");
const evidence = startEvidence({
  settings: read.settings,
  cluster: { readSecret: async () => undefined, readServiceAccount: async () => undefined },
  reports: () => [],
  serviceRanges: () => [],
  runs: () => false,
  metrics: { registryRequest: () => {}, cacheRequest: () => {}, unavailable: () => {} },
  log: SILENT,
  now: Date.now,
});
const review = createReview(evidence.gather);
const { publicKey: pem } = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});
const policy = compilePolicy(
  {
    apiVersion: "imagesecurity.dev/v1",
    kind: "ImageSecurityPolicy",
    metadata: { name: "bench", uid: "bench", generation: 1 },
    spec: {
      digest: { verify: true },
      authorities: [{ name: "release", key: { pem }, transparencyLog: "Ignored" }],
      signatures: { authorities: ["release"] },
    },
  },
  () => ({ status: "missing", message: "nothing is there" }),
);

await using place = await startRegistry();
const kinds = { "manifest reads": 0, "signature tags": 0, "referrer lists": 0, "fallback tags": 0, others: 0 };
let [cpu, decided] = [0, 0];
for (let nth = 0; nth < digests; nth += 1) {
  const image = makeImage({ labels: { nth: String(nth) } });
  addToStore(place.store, "bench/app", image);
  const subject = subjectOf(
    { metadata: {}, spec: { containers: [{ name: "app", image: `${place.host}/bench/app@${image.digest}` }] } },
    { kind: "Pod", namespace: "default", namespaceLabels: {} },
  );
  place.forgetRequests();
  const before = process.cpuUsage();
  const decisions = await Promise.all(
    Array.from({ length: reviews }, async () =>
      review({
        policies: [policy],
        subject,
        mode: "admission",
        signal: AbortSignal.timeout(9_000),
        now: Date.now(),
        dryRun: false,
      }),
    ),
  );
  const { user, system } = process.cpuUsage(before);
  cpu += (user + system) / 1_000;
  decided += decisions.filter(({ findings }) => findings.some(({ reason }) => reason === "SignatureMissing")).length;
  for (const { target } of place.requests) {
    if (target.endsWith(`/manifests/${image.digest}`)) kinds["manifest reads"] += 1;
    else if (target.endsWith(".sig")) kinds["signature tags"] += 1;
    else if (target.includes("/referrers/")) kinds["referrer lists"] += 1;
    else if (target.includes("/manifests/sha256-")) kinds["fallback tags"] += 1;
    else kinds.others += 1;
  }
}
await evidence.close();

console.log(`${reviews} reviews at once of each of ${digests} new digests; ${decided} of ${reviews * digests} decided`);
console.table(
  Object.fromEntries(Object.entries(kinds).map(([kind, count]) => [kind, { "per digest": count / digests }])),
);
console.log(`CPU per review, the registry's included: ${((cpu * 1_000) / (reviews * digests)).toFixed(0)} us`);
if (kinds["manifest reads"] !== digests) process.exitCode = 1;
