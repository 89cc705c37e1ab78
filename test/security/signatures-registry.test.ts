import assert from "node:assert/strict";
import { createReview, type Review } from "../../engine/review.ts";
import { startEvidence, type OperatorEvidence } from "../../operator/evidence.ts";
import { SILENT } from "../../kube/log.ts";
import { readSettings } from "../../operator/settings/settings.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { makeArtifact } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { addSamples, samples } from "../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../sandbox/registry/server.ts";
import { readFixture, type Fixture } from "../unit/evidence/sigstore/memoryRepository.ts";
import { byKey, compile, signedBy } from "../unit/evidence/sigstore/underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const nginx = samples[0]!;

/** Signatures over HTTP: the sandbox's registry, the operator's own client, and everything between. */
describe("signatures in a real registry", function () {
  this.timeout(30_000);
  let registry: SandboxRegistry;
  let evidence: OperatorEvidence;
  let review: Review;
  let offset = 0;

  const start = async (referrers: "api" | "off" = "api"): Promise<void> => {
    const read = readSettings(["--registry-plain-http=127.0.0.1", "--allow-address=127.0.0.0/8"], {});
    assert.equal(read.status, "ok");
    if (read.status !== "ok") return;
    registry = await startRegistry({ referrers });
    addSamples(registry.store);
    evidence = startEvidence({
      settings: read.settings,
      cluster: { readSecret: () => Promise.resolve(undefined), readServiceAccount: () => Promise.resolve(undefined) },
      reports: () => [],
      serviceRanges: () => [],
      runs: () => false,
      metrics: { registryRequest: () => undefined, cacheRequest: () => undefined, unavailable: () => undefined },
      log: SILENT,
      now: () => Date.now() + offset,
    });
    review = createReview(evidence.gather);
  };
  const load = ({ blobs, manifests, tags }: Fixture): void => {
    const { store } = registry;
    for (const blob of blobs) store.putBlob(nginx.repository, Buffer.from(blob, "base64"));
    for (const { mediaType, bytes } of manifests)
      store.putManifest(nginx.repository, { bytes: Buffer.from(bytes, "base64"), mediaType });
    for (const [tag, digest] of Object.entries(tags)) store.tag(nginx.repository, tag, digest);
  };
  const junk = (count: number, artifactType: string, mediaType: string): void => {
    for (let at = 0; at < count; at++)
      addToStore(
        registry.store,
        nginx.repository,
        makeArtifact({ artifactType, subject: nginx.image, layers: [{ mediaType, bytes: `{"at":${at}}` }] }),
      );
  };
  const say = async (policy: CompiledPolicy, time = 8_000): Promise<string> => {
    const image = `${registry.host}/${nginx.repository}@${nginx.image.digest}`;
    const { verdict, findings } = await review({
      policies: [policy],
      subject: subjectOf(
        { metadata: {}, spec: { containers: [{ name: "app", image }] } },
        { kind: "Pod", namespace: "default", namespaceLabels: {} },
      ),
      mode: "admission",
      signal: AbortSignal.timeout(time),
      now: Date.now() + offset,
      dryRun: false,
    });
    return [verdict, ...findings.map(({ reason }) => reason)].join(" ");
  };
  const policyOf = (name: string): CompiledPolicy => compile(signedBy(byKey(readFixture(name).publicKey)));

  afterEach(async () => {
    offset = 0;
    await evidence.close();
    await registry.close();
  });

  for (const [name, referrers] of [
    ["cosign2-signature", "api"],
    ["cosign3-signature", "api"],
    ["cosign2-signature-oci11", "api"],
    ["cosign3-signature-fallback", "off"],
    ["cosign2-signature-oci11-fallback", "off"],
  ] as const)
    it(`are found: ${name}, referrers API ${referrers}`, async () => {
      await start(referrers);
      assert.equal(await say(policyOf(name)), "deny SignatureMissing");
      load(readFixture(name));
      offset = 5_000;
      assert.equal(await say(policyOf(name)), "allow");
    });

  it("are found among 10,000 other referrers, without reading these", async () => {
    await start();
    junk(10_000, "application/vnd.example", "text/plain");
    load(readFixture("cosign3-signature"));
    registry.forgetRequests();
    assert.equal(await say(policyOf("cosign3-signature")), "allow");
    assert.ok(registry.requests.length < 40, `${registry.requests.length} requests`);
  });

  it("are found among 10,000 bundles of garbage", async () => {
    await start();
    junk(10_000, BUNDLE, BUNDLE);
    load(readFixture("cosign3-signature"));
    assert.equal(await say(policyOf("cosign3-signature")), "allow");
  });

  it("stay proved while the registry is down, and nothing else does", async () => {
    await start();
    load(readFixture("cosign3-signature"));
    assert.equal(await say(policyOf("cosign3-signature")), "allow");
    await registry.close();
    for (const later of [1_000, 600_000, 3_600_000]) {
      offset += later;
      assert.equal(await say(policyOf("cosign3-signature")), "allow", String(later));
    }
    assert.equal(await say(policyOf("cosign2-signature-p384"), 1_000), "deny EvidenceUnavailable");
  });
});
