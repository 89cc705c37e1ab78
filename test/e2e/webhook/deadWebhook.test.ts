import assert from "node:assert/strict";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlResult } from "../harness/kubectl.ts";
import { startWebhook, type WebhookUnderTest } from "./webhookUnderTest.ts";

const GOOD = `registry.company.com/nginx@sha256:${"d".repeat(64)}`;

describe("a cluster whose operator is dead", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let webhook: WebhookUnderTest;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    webhook = await startWebhook(cluster);
    // What there is from before a policy.
    for (const manifest of [pod, deployment, cronJob]) await create(manifest);
    passes(await cluster.kubectl("delete", "pod", "leaving", "--wait=false"));
    await webhook.enforce({
      all: { digest: { required: true, pin: "All" }, registries: { allow: ["registry.company.com"] } },
    });
    await eventually(
      async () =>
        (await webhook.admission.readMutatingWebhookConfiguration({ name: "image-security" })).webhooks?.length === 3,
    );
    await webhook.die();
  });
  after(async () => await cluster?.stop());

  const create = async (manifest: string): Promise<void> =>
    // Where there are no image volumes yet an empty folder takes its place.
    passes(await cluster.kubectl("create", "--validate=ignore", "-f", "-", { input: manifest }));
  const passes = ({ code, stderr }: KubectlResult): void => assert.equal(code, 0, stderr);
  const isRefused = ({ code, stderr }: KubectlResult): void => {
    assert.notEqual(code, 0);
    assert.match(stderr, /failed calling webhook "(pods|workloads|cronjobs)\.(mutate|validate)\.imagesecurity\.dev"/);
  };
  const patch = (target: string, change: object, ...more: readonly string[]): Promise<KubectlResult> =>
    cluster.kubectl("patch", target, "--type=merge", "-p", JSON.stringify(change), ...more);

  const pod = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}, annotations: {a: b}}, spec: {containers: [{name: c, image: nginx}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: bare}, spec: {containers: [{name: c, image: nginx}], volumes: [{name: v, image: {reference: nginx}}, {name: e, emptyDir: {}}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: gated}, spec: {schedulingGates: [{name: example.com/gate}], containers: [{name: c, image: nginx}]}}
  - {apiVersion: v1, kind: Pod, metadata: {name: leaving, finalizers: [example.com/hold]}, spec: {containers: [{name: c, image: nginx}]}}
`;
  const template = (image: string): string =>
    `{metadata: {labels: {app: x}}, spec: {containers: [{name: c, image: ${image}}]}}`;
  const deployment = `
apiVersion: v1
kind: List
items:
  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, selector: {matchLabels: {app: x}}, template: ${template("nginx")}}}
  - {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: web}, spec: {selector: {matchLabels: {app: x}}, template: ${template("nginx")}}}
  - {apiVersion: v1, kind: ReplicationController, metadata: {name: web}, spec: {replicas: 1, selector: {app: x}, template: ${template("nginx")}}}
`;
  const cronJob = `
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: nginx}]}}}}}
`;

  describe("lets pass what changes neither images nor labels nor annotations", () => {
    const harmless: readonly (readonly [what: string, target: string, change: object])[] = [
      ["a finalizer that is removed, which lets the pod go", "pod/leaving", { metadata: { finalizers: null } }],
      ["a finalizer that is added", "pod/bare", { metadata: { finalizers: ["example.com/new"] } }],
      ["a deadline", "pod/web", { spec: { activeDeadlineSeconds: 3_600 } }],
      ["a scheduling gate", "pod/gated", { spec: { schedulingGates: [] } }],
      ["replicas", "deployment/web", { spec: { replicas: 5 } }],
      ["labels of a Deployment, which its pods do not have", "deployment/web", { metadata: { labels: { team: "a" } } }],
      [
        "the revision that a controller writes",
        "deployment/web",
        { metadata: { annotations: { "deployment.kubernetes.io/revision": "2" } } },
      ],
      [
        "a grace period of a template",
        "deployment/web",
        { spec: { template: { spec: { terminationGracePeriodSeconds: 5 } } } },
      ],
      [
        "a volume of a template that is no image",
        "daemonset/web",
        { spec: { template: { spec: { volumes: [{ name: "e", emptyDir: {} }] } } } },
      ],
      ["replicas of a ReplicationController", "replicationcontroller/web", { spec: { replicas: 2 } }],
      ["a CronJob's schedule", "cronjob/web", { spec: { schedule: "@hourly", suspend: true } }],
    ];
    for (const [what, target, change] of harmless) it(what, async () => passes(await patch(target, change)));

    it("a status, a deletion, and kubectl scale", async () => {
      passes(await patch("pod/web", { status: { phase: "Running" } }, "--subresource=status"));
      passes(await cluster.kubectl("scale", "deployment/web", "--replicas=2"));
      passes(await cluster.kubectl("delete", "daemonset/web"));
    });
  });

  describe("refuses what may change a verdict", () => {
    const risky: readonly (readonly [what: string, target: string, change: object])[] = [
      ["a label", "pod/web", { metadata: { labels: { tier: "web" } } }],
      ["the first label", "pod/bare", { metadata: { labels: { tier: "web" } } }],
      ["a label that is removed", "pod/web", { metadata: { labels: { app: null } } }],
      ["an annotation", "pod/web", { metadata: { annotations: { "trivy.scan.result": "{}" } } }],
      ["a label of a template", "deployment/web", { spec: { template: { metadata: { labels: { tier: "web" } } } } }],
      [
        "an annotation of a template",
        "cronjob/web",
        { spec: { jobTemplate: { spec: { template: { metadata: { annotations: { a: "b" } } } } } } },
      ],
      [
        "the first init container",
        "deployment/web",
        { spec: { template: { spec: { initContainers: [{ name: "i", image: GOOD }] } } } },
      ],
    ];
    for (const [what, target, change] of risky) it(what, async () => isRefused(await patch(target, change)));

    it("an image volume of a template", async function () {
      if (!(await cluster.hasImageVolumes())) this.skip();
      const volumes = [{ name: "v", image: { reference: GOOD } }];
      isRefused(await patch("deployment/web", { spec: { template: { spec: { volumes } } } }));
    });

    it("a new image, of a pod, a template, a CronJob", async () => {
      isRefused(await cluster.kubectl("set", "image", "pod/web", `c=${GOOD}`));
      isRefused(await cluster.kubectl("set", "image", "deployment/web", `c=${GOOD}`));
      isRefused(await cluster.kubectl("set", "image", "replicationcontroller/web", `c=${GOOD}`));
      isRefused(await cluster.kubectl("set", "image", "cronjob/web", `c=${GOOD}`));
    });

    it("an ephemeral container", async () => {
      isRefused(await cluster.kubectl("debug", "web", `--image=${GOOD}`, "--attach=false"));
    });

    it("anything that is created", async () => {
      isRefused(await cluster.kubectl("run", "new", `--image=${GOOD}`));
      isRefused(await cluster.kubectl("create", "deployment", "new", `--image=${GOOD}`));
    });
  });

  // In a block of its own, because what stands beside the blocks above runs before them.
  describe("can be helped", () => {
    it("leaves kube-system and the operator's own namespace alone", async () => {
      passes(await cluster.kubectl("run", "new", "--image=nginx", "-n", "kube-system"));
      passes(await cluster.kubectl("create", "namespace", "image-security-system"));
      passes(await cluster.kubectl("run", "new", "--image=nginx", "-n", "image-security-system"));
    });

    it("is freed by deleting the webhook configurations", async () => {
      for (const kind of ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"]) {
        passes(await cluster.kubectl("delete", kind, "image-security"));
      }
      await eventually(async () => (await cluster.kubectl("run", "freed", "--image=nginx")).code === 0);
    });
  });
});
