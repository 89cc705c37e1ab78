import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import type { Users } from "../../../sandbox/registry/auth/permissions.ts";
import { makeImage, makeIndex } from "../../../sandbox/registry/images.ts";
import { otherBytes, status } from "../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../../sandbox/registry/server.ts";
import { dockerConfig } from "../../unit/evidence/registry/support/judging.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { cleanUp, pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

const REGISTRY = "registry.company.com";
const amd64 = makeImage({ labels: { version: "v1.21" } });
const arm64 = makeImage({ labels: { version: "v1.21" }, platform: { os: "linux", architecture: "arm64" } });
const first = makeIndex([amd64, arm64]);
const second = makeImage({ labels: { version: "v1.21, moved" } });
const users: Users = { team: { password: "team-password", pull: ["private/*"] } };

interface PodObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
}

describe("digests on a real API server", () => {
  let cluster: Cluster;
  let place: SandboxRegistry;
  let closed: SandboxRegistry;
  let operator: RunningOperator;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    place = await startRegistry();
    closed = await startRegistry({ auth: { type: "bearer", users } });
    addToStore(closed.store, "private/app", amd64, "v1");
    operator = await startOperator(cluster, {
      registry: {
        ...defaultSettings().registry,
        mirrors: new Map([[REGISTRY, place.url]]),
        plainHttp: ["127.0.0.1"],
        readPullSecrets: true,
      },
    });
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await place?.close();
    await closed?.close();
    await cluster?.stop();
  });
  beforeEach(() => {
    for (const repository of place.store.repositories.keys()) place.store.repositories.delete(repository);
    addToStore(place.store, "nginx", first, "v1.21");
    place.forgetRequests();
  });
  afterEach(() => cleanUp(cluster));

  const ok = (result: KubectlResult): string => {
    assert.equal(result.code, 0, result.stderr);
    return result.stdout;
  };
  const refused = (result: KubectlResult, reason: string): void => {
    assert.notEqual(result.code, 0, `created: ${result.stdout}`);
    assert.match(result.stderr, new RegExp(reason));
  };
  const imageOf = async (namespace: string, name: string): Promise<string | undefined> =>
    (JSON.parse(ok(await cluster.kubectl("get", "pod", name, "-n", namespace, "-o", "json"))) as PodObject).spec
      .containers[0]?.image;
  /** In force once a pod of a throw-away dry run is judged by it: admission reads the newest compiled set. */
  const inForce = async (object: { readonly input: string }, probe: () => Promise<boolean>): Promise<void> => {
    ok(await cluster.kubectl("apply", "-f", "-", object));
    await eventually(probe);
  };
  const dryRun = async (namespace: string, image: string): Promise<KubectlResult> =>
    cluster.kubectl("run", "probe", `--image=${image}`, "-n", namespace, "--dry-run=server", "-o", "json");
  const reasonsIn = async (namespace: string): Promise<readonly string[]> => {
    const { stdout } = await cluster.kubectl("get", "violations", "-n", namespace, "-o", "json");
    const { items } = JSON.parse(stdout) as { items: readonly { readonly summary: { readonly reasons: string } }[] };
    return items.map(({ summary }) => summary.reasons);
  };
  const setImageID = async (namespace: string, name: string, imageID: string, container = name): Promise<void> => {
    const state = { running: { startedAt: "2026-01-01T00:00:00Z" } };
    const containerStatuses = [{ name: container, image: "x", imageID, ready: true, restartCount: 0, state }];
    const patch = JSON.stringify({ status: { phase: "Running", containerStatuses } });
    ok(
      await cluster.kubectl("patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch),
    );
  };
  const pins = async (namespace: string, digest: object = {}): Promise<void> =>
    inForce(
      policy(`pin-${namespace}`, { match: { namespaces: [namespace] }, digest: { pin: "Pods", ...digest } }),
      async () => (await dryRun(namespace, `${REGISTRY}/nginx:v1.21`)).stdout.includes(`nginx:v1.21@${first.digest}`),
    );

  it("pins the tag of a pod, and keeps the tag", async () => {
    const namespace = await cluster.newNamespace("pin");
    await pins(namespace);
    ok(await cluster.kubectl("run", "pinned", `--image=${REGISTRY}/nginx:v1.21`, "-n", namespace));
    assert.equal(await imageOf(namespace, "pinned"), `${REGISTRY}/nginx:v1.21@${first.digest}`);
  }).timeout(30_000);

  it("a Deployment keeps its tag, while pods made from its template are pinned", async () => {
    const namespace = await cluster.newNamespace("template");
    await pins(namespace);
    ok(await cluster.kubectl("create", "deployment", "web", `--image=${REGISTRY}/nginx:v1.21`, "-n", namespace));
    const written = "jsonpath={.spec.template.spec.containers[0].image}";
    assert.equal(
      ok(await cluster.kubectl("get", "deployment", "web", "-n", namespace, "-o", written)),
      `${REGISTRY}/nginx:v1.21`,
    );
    // As the ReplicaSet controller would: there is none here.
    ok(
      await cluster.kubectl("apply", "-f", "-", pod(namespace, "web-6d4cf", `${REGISTRY}/nginx:v1.21`, { app: "web" })),
    );
    assert.equal(await imageOf(namespace, "web-6d4cf"), `${REGISTRY}/nginx:v1.21@${first.digest}`);
  }).timeout(30_000);

  it("re-applying a manifest with the tag keeps the pinned digest, though the tag moved", async () => {
    const namespace = await cluster.newNamespace("again");
    await pins(namespace);
    const manifest = pod(namespace, "web", `${REGISTRY}/nginx:v1.21`);
    ok(await cluster.kubectl("apply", "-f", "-", manifest));
    addToStore(place.store, "nginx", second, "v1.21");
    ok(await cluster.kubectl("apply", "-f", "-", manifest));
    assert.equal(await imageOf(namespace, "web"), `${REGISTRY}/nginx:v1.21@${first.digest}`);
  }).timeout(30_000);

  it("a label change never changes the image of an old pod", async () => {
    const namespace = await cluster.newNamespace("label");
    ok(await cluster.kubectl("apply", "-f", "-", pod(namespace, "old", `${REGISTRY}/nginx:v1.21`)));
    await pins(namespace, { required: false });
    ok(await cluster.kubectl("label", "pod", "old", "-n", namespace, "some=label"));
    assert.equal(await imageOf(namespace, "old"), `${REGISTRY}/nginx:v1.21`);
  }).timeout(30_000);

  it("a tag that moved is drift on the running pod, in the next audit", async () => {
    const namespace = await cluster.newNamespace("drift");
    ok(
      await cluster.kubectl(
        "apply",
        "-f",
        "-",
        policy(`drift-${namespace}`, {
          match: { namespaces: [namespace] },
          digest: { pin: "Pods", tagDrift: "Report", required: false },
        }),
      ),
    );
    await eventually(async () => (await dryRun(namespace, `${REGISTRY}/nginx:v1.21`)).stdout.includes(first.digest));
    ok(await cluster.kubectl("run", "pinned", `--image=${REGISTRY}/nginx:v1.21`, "-n", namespace));
    // The node runs one platform of the index, as CRI-O reports it.
    await setImageID(namespace, "pinned", `${REGISTRY}/nginx@${arm64.digest}`);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    assert.deepEqual(await reasonsIn(namespace), []);
    addToStore(place.store, "nginx", second, "v1.21");
    await eventually(async () => assert.deepEqual(await reasonsIn(namespace), ["TagDrift"]), { within: 15_000 });
    addToStore(place.store, "nginx", first, "v1.21");
    await eventually(async () => assert.deepEqual(await reasonsIn(namespace), []), { within: 15_000 });
  }).timeout(60_000);

  it("a pod by tag drifts by what it runs", async () => {
    const namespace = await cluster.newNamespace("runs");
    ok(await cluster.kubectl("apply", "-f", "-", pod(namespace, "old", `${REGISTRY}/nginx:v1.21`)));
    ok(
      await cluster.kubectl(
        "apply",
        "-f",
        "-",
        policy(`runs-${namespace}`, {
          match: { namespaces: [namespace] },
          digest: { tagDrift: "Deny", required: false },
        }),
      ),
    );
    const runs = async (imageID: string): Promise<void> => setImageID(namespace, "old", imageID, "main");
    await runs(`${REGISTRY}/nginx@${second.digest}`);
    await eventually(async () => assert.deepEqual(await reasonsIn(namespace), ["TagDrift"]), { within: 15_000 });
    await runs(amd64.configDigest);
    await eventually(async () => assert.deepEqual(await reasonsIn(namespace), []), { within: 15_000 });
    await runs("sha256:nonsense");
    await eventually(async () => assert.deepEqual(await reasonsIn(namespace), ["EvidenceUnavailable"]), {
      within: 15_000,
    });
  }).timeout(60_000);

  it("a digest that is not there, other bytes for a digest, an outage", async () => {
    const namespace = await cluster.newNamespace("verify");
    const missing = `${REGISTRY}/nginx@sha256:${"0".repeat(64)}`;
    await inForce(
      policy(`verify-${namespace}`, { match: { namespaces: [namespace] }, digest: { verify: true } }),
      async () => (await dryRun(namespace, missing)).stderr.includes("DigestNotFound"),
    );
    refused(await cluster.kubectl("run", "missing", `--image=${missing}`, "-n", namespace), "DigestNotFound");
    place.store.putManifest("nginx", { ...second, digest: arm64.digest });
    refused(
      await cluster.kubectl("run", "wrong", `--image=${REGISTRY}/nginx@${arm64.digest}`, "-n", namespace),
      "DigestMismatch",
    );
    const fresh = addToStore(place.store, "nginx", makeImage({ labels: { nobody: "asked for it before" } }));
    const heal = place.misbehave({ as: status(503) });
    refused(
      await cluster.kubectl("run", "down", `--image=${REGISTRY}/nginx@${fresh}`, "-n", namespace),
      "EvidenceUnavailable",
    );
    heal();
    ok(await cluster.kubectl("run", "good", `--image=${REGISTRY}/nginx@${fresh}`, "-n", namespace));
    const unread = addToStore(place.store, "nginx", makeImage({ labels: { nobody: "read it before" } }));
    const lie = place.misbehave({ when: { kind: "manifest" }, as: otherBytes(second.bytes) });
    refused(
      await cluster.kubectl("run", "lie", `--image=${REGISTRY}/nginx@${unread}`, "-n", namespace),
      "DigestMismatch",
    );
    lie();
  }).timeout(40_000);

  it("a pin that could not be asked for, and a tag that is not there", async () => {
    const namespace = await cluster.newNamespace("unpinned");
    await pins(namespace);
    refused(await cluster.kubectl("run", "nope", `--image=${REGISTRY}/nginx:nope`, "-n", namespace), "DigestNotFound");
    const heal = place.misbehave({ as: status(503) });
    refused(
      await cluster.kubectl("run", "down", `--image=${REGISTRY}/nginx:v9`, "-n", namespace),
      "EvidenceUnavailable",
    );
    heal();
  }).timeout(40_000);

  it("an imagePullSecret opens a private registry, to its own namespace alone", async () => {
    const [mine, theirs] = [await cluster.newNamespace("mine"), await cluster.newNamespace("theirs")];
    const image = `${closed.host}/private/app@${amd64.digest}`;
    await inForce(policy("private", { match: { namespaces: [mine, theirs] }, digest: { verify: true } }), async () =>
      (await dryRun(mine, image)).stderr.includes("EvidenceUnavailable"),
    );
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/dockerconfigjson",
      metadata: { namespace: mine, name: "pull" },
      stringData: { ".dockerconfigjson": dockerConfig({ [closed.host]: ["team", "team-password"] }) },
    };
    ok(await cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(secret) }));
    const withSecret = (namespace: string, name: string): { readonly input: string } => ({
      input: JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { namespace, name },
        spec: { containers: [{ name: "main", image }], imagePullSecrets: [{ name: "pull" }] },
      }),
    });
    ok(await cluster.kubectl("apply", "-f", "-", withSecret(mine, "secret")));
    refused(await cluster.kubectl("apply", "-f", "-", withSecret(theirs, "secret")), "EvidenceUnavailable");

    const account = {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { namespace: mine, name: "puller" },
      imagePullSecrets: [{ name: "pull" }],
    };
    ok(await cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(account) }));
    const byAccount = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: mine, name: "account" },
      spec: { containers: [{ name: "main", image }], serviceAccountName: "puller" },
    };
    ok(await cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(byAccount) }));
  }).timeout(40_000);
});
