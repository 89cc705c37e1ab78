import assert from "node:assert/strict";
import { readScansHere } from "../../evidence/scan/formats/readScans.ts";
import { createScanProvider } from "../../evidence/scan/scanProvider.ts";
import { createPodProjection } from "../../operator/cluster/pods.ts";
import { createRunningDigests } from "../../operator/cluster/runningDigests.ts";
import { makeImage, makeIndex, type Image } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";
import { trivyReport } from "../unit/evidence/scan/reports.ts";

/** Vulnerable, and scanned: what `runningImages: Warn` softens where the namespace runs it. */
const vulnerable = (name: string, platform?: { readonly os: string; readonly architecture: string }): Image => {
  const layers = [{ name }];
  const { diffIds } = makeImage({ layers });
  const report = trivyReport([{ id: "CVE-2021-44228", severity: "CRITICAL" }], {
    diffIds,
    createdAt: "2023-11-14T00:00:00Z",
  });
  return makeImage({
    layers,
    annotations: { "trivy.scan.result": JSON.stringify(report) },
    ...(platform === undefined ? {} : { platform }),
  });
};

const RUNNING = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const WAITING = { waiting: { reason: "ImagePullBackOff" } };

describe("runningImages: Warn, against somebody whose own pods the policy does not match", () => {
  const image = vulnerable("one");
  const [amd64, arm64] = ["amd64", "arm64"].map((architecture) =>
    vulnerable(architecture, { os: "linux", architecture }),
  );
  const index = makeIndex([amd64!, arm64!]);
  let place: Awaited<ReturnType<typeof startRegistry>>;
  before(async () => {
    place = await startRegistry({});
    addToStore(place.store, "team/app", image);
    addToStore(place.store, "team/app", index);
  });
  after(() => place.close());

  /** What becomes of a new pod beside one whose pod says this. */
  const say = async (
    beside: { readonly asks?: string; readonly status?: object },
    digest = image.digest,
  ): Promise<string> => {
    const { asks = "elsewhere.example/x", status } = beside;
    const record = createPodProjection(() => new Set())({
      metadata: { uid: "1", name: "p", namespace: "team" },
      spec: { containers: [{ name: "c", image: asks }] },
      status: { phase: "Running", ...status },
    });
    const { runs } = createRunningDigests({ values: () => [record].values(), onChange: () => () => undefined });
    const provider = createScanProvider({ prove: () => new Map(), reports: () => [], runs, read: readScansHere });
    const judging = engine({}, { providers: [provider] });
    try {
      const asking = policy({
        match: { images: [`${place.host}/**`] },
        scan: { sources: [{ imageAnnotation: {} }], maxVulnerabilities: { critical: 0 }, runningImages: "Warn" },
      });
      const said = await judging.say([asking], pod(`${place.host}/team/app@${digest}`));
      return said.slice(0, said.indexOf(","));
    } finally {
      await judging[Symbol.asyncDispose]();
    }
  };
  const status = (imageID: string, more: object = {}): object => ({
    containerStatuses: [{ name: "c", state: RUNNING, imageID, ...more }],
  });
  const good = `registry.company.com/good@sha256:${"1".repeat(64)}`;
  const name = (): string => `${place.host}/team/app`;

  it("believes no image that a pod merely asks for", async () => {
    const elsewhere = `elsewhere.example/x@${image.digest}`;
    assert.equal(await say({ asks: elsewhere, status: status(good, { state: WAITING }) }), "deny");
    assert.equal(await say({ asks: elsewhere, status: status(good) }), "deny");
    assert.equal(await say({ asks: `${name()}@${image.digest}`, status: status(good) }), "deny");
    assert.equal(await say({ asks: `${name()}@${image.digest}` }), "deny");
  });

  it("believes no container that does not run", async () => {
    const own = `${name()}@${image.digest}`;
    assert.equal(await say({ status: status(own, { state: WAITING }) }), "deny");
    assert.equal(await say({ status: status(own, { state: { terminated: { exitCode: 1 } } }) }), "deny");
    assert.equal(await say({ status: status("", { state: WAITING, lastState: RUNNING }) }), "deny");
    assert.equal(await say({ status: { ...status(own), phase: "Pending" } }), "deny");
  });

  it("believes no other repository, though it has the same content", async () => {
    assert.equal(await say({ status: status(`elsewhere.example/x@${image.digest}`) }), "deny");
    assert.equal(await say({ asks: name(), status: status(`elsewhere.example/x@${image.digest}`) }), "deny");
    assert.equal(await say({ asks: name(), status: status(image.configDigest) }), "deny");
  });

  it("warns where a kubelet reports it, in every spelling of the runtimes", async () => {
    const { digest, configDigest } = image;
    const hex = configDigest.slice("sha256:".length);
    assert.equal(await say({ status: status(`${name()}@${digest}`) }), "warn");
    assert.equal(await say({ status: status(`docker-pullable://${name()}@${digest}`) }), "warn");
    for (const imageID of [configDigest, `docker://${configDigest}`, hex, digest])
      assert.equal(await say({ status: status(imageID, { image: `${name()}:v1` }) }), "warn", imageID);
    assert.equal(
      await say({
        status: { ephemeralContainerStatuses: [{ name: "d", state: RUNNING, imageID: `${name()}@${digest}` }] },
      }),
      "warn",
    );
  });

  it("warns for an index of which a platform runs, by its manifest or by its config", async () => {
    const { digest } = index;
    assert.equal(await say({ status: status(good) }, digest), "deny");
    assert.equal(await say({ status: status(`${name()}@${digest}`) }, digest), "warn");
    assert.equal(await say({ status: status(`${name()}@${arm64!.digest}`) }, digest), "warn");
    assert.equal(await say({ status: status(arm64!.configDigest, { image: name() }) }, digest), "warn");
    assert.equal(await say({ status: status(image.configDigest, { image: name() }) }, digest), "deny");
  });
});
