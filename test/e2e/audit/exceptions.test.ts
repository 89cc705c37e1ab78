import assert from "node:assert/strict";
import type { ExceptionSpec, ExceptionStatus } from "../../../crds/types.ts";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { cleanUp, pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

const DAY = 86_400_000;
const DIGEST = `sha256:${"a".repeat(64)}`;
const inTime = (milliseconds: number): string =>
  new Date(Date.now() + milliseconds).toISOString().replace(/\.\d+Z$/, "Z");

describe("exceptions, with kubectl", () => {
  let cluster: Cluster;
  let operator: RunningOperator;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    // No complete audit comes to help: what changes is noticed for itself.
    operator = await startOperator(cluster, { auditInterval: 3_600_000 });
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await cluster?.stop();
  });
  afterEach(() => cleanUp(cluster));

  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const apply = (object: {
    readonly input: string;
  }): Promise<{ readonly code: number | null; readonly stderr: string }> =>
    cluster.kubectl("apply", "--server-side", "-f", "-", object);
  const put = async (object: { readonly input: string }): Promise<void> => {
    const { code, stderr } = await apply(object);
    assert.equal(code, 0, stderr);
  };
  const exception = (
    namespace: string,
    changes: Partial<ExceptionSpec> & Readonly<Record<string, unknown>> = {},
    name = "legacy",
  ): { readonly input: string } => ({
    input: JSON.stringify({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name },
      spec: {
        policies: ["production"],
        rules: ["digest"],
        match: { namespaces: [namespace] },
        reason: "a test",
        expires: inTime(30 * DAY),
        ...changes,
      },
    }),
  });
  const conditions = async (name = "legacy"): Promise<readonly string[]> => {
    const { status } = JSON.parse(await kubectl("get", "ise", name, "-o", "json")) as { status?: ExceptionStatus };
    return (status?.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);
  };
  const stands = (wanted: readonly string[], name?: string): Promise<void> =>
    eventually(async () => assert.deepEqual(await conditions(name), wanted));
  const violations = (namespace: string, wanted: readonly string[]): Promise<void> =>
    eventually(async () => {
      const { items } = JSON.parse(await kubectl("get", "violations", "-n", namespace, "-o", "json")) as {
        items: { subject: { name: string }; enforcementAction: string; metadata: { labels: Record<string, string> } }[];
      };
      const found = items.map(
        ({ subject, enforcementAction, metadata }) =>
          `${subject.name} ${enforcementAction} ${metadata.labels["imagesecurity.dev/exempted"] ?? "-"}`,
      );
      assert.deepEqual(found.toSorted(), wanted);
    });

  it("let in what is refused without them, count it, and take it back when they go", async () => {
    const namespace = await cluster.newNamespace("legacy");
    const other = await cluster.newNamespace("other");
    await put(policy("production", { digest: {} }));
    await eventually(async () =>
      assert.match((await apply(pod(namespace, "web", "nginx:1.21"))).stderr, /DigestRequired/),
    );

    await put(exception(namespace));
    await eventually(async () => assert.equal((await apply(pod(namespace, "web", "nginx:1.21"))).code, 0));
    assert.match((await apply(pod(other, "web", "nginx:1.21"))).stderr, /DigestRequired/);
    await violations(namespace, ["web exempted true"]);
    await stands(["Active=True Active"]);
    await eventually(async () => {
      const status = JSON.parse(await kubectl("get", "isp", "production", "-o", "jsonpath={.status}")) as object;
      assert.equal(Reflect.get(status, "exempted"), 1);
      assert.equal(Reflect.get(status, "violations"), 0);
    });
    assert.match(
      await kubectl("get", "violations", "-n", namespace, "-o", "jsonpath={.items[0].findings[0].exempted}"),
      /"by":"legacy","expires":"20\d\d-/,
    );
    assert.match(await kubectl("get", "ise"), /legacy +\["production"\] +\["digest"\] +True +20/);
    assert.match(
      await kubectl("get", "violations", "-A", "-l", "imagesecurity.dev/exempted=true"),
      /production +exempted +web /,
    );
    const metrics = await (await fetch(operator.metricsUrl ?? "")).text();
    assert.match(metrics, /image_security_exempted\{policy="production"\} 1/);
    assert.match(metrics, /image_security_exception_expiry_timestamp_seconds\{exception="legacy"\} \d+/);

    await kubectl("delete", "ise", "legacy");
    await violations(namespace, ["web deny -"]);
    await eventually(async () =>
      assert.match((await apply(pod(namespace, "b", "nginx:1.21"))).stderr, /DigestRequired/),
    );
  });

  it("cover an object by its labels only within a namespace, and refuse one that leaves", async () => {
    const namespace = await cluster.newNamespace("labelled");
    await put(policy("production", { digest: {} }));
    await put(
      exception(namespace, {
        match: { namespaces: [namespace], objectSelector: { matchLabels: { app: "legacy" } } },
      }),
    );
    await eventually(async () =>
      assert.equal((await apply(pod(namespace, "web", "nginx:1.21", { app: "legacy" }))).code, 0),
    );
    const { code, stderr } = await cluster.kubectl("label", "pod", "web", "-n", namespace, "--overwrite", "app=new");
    assert.notEqual(code, 0);
    assert.match(stderr, /DigestRequired/);
  });

  it("cover a digest wherever it is written", async () => {
    const namespace = await cluster.newNamespace("by-digest");
    await put(policy("production", { registries: { allow: ["registry.company.com"] } }));
    await put(exception(namespace, { rules: ["registries"], match: { digests: [DIGEST] } }));
    await eventually(async () => assert.equal((await apply(pod(namespace, "web", `quay.io/x:1@${DIGEST}`))).code, 0));
    assert.match((await apply(pod(namespace, "tag", "quay.io/x:1"))).stderr, /RegistryNotAllowed/);
  });

  it("say why they are not in force", async () => {
    const namespace = await cluster.newNamespace("refused");
    await put(policy("production", { digest: {} }));
    await put(exception(namespace, { expires: inTime(91 * DAY) }, "long"));
    await put(exception(namespace, { rules: ["All"], policies: ["revocation.incident"] }, "vague"));
    await put(exception(namespace, { expires: inTime(-DAY) }, "old"));
    await put(exception("nobody", {}, "unused"));
    await stands(["Active=False TooLong"], "long");
    await stands(["Active=False NotPermitted"], "vague");
    await stands(["Active=False Expired"], "old");
    await stands(["Active=True Unused"], "unused");
    assert.match((await apply(pod(namespace, "web", "nginx:1.21"))).stderr, /DigestRequired/);
  });

  it("are refused by the API server where they would cover too much or nothing", async () => {
    const refused: readonly (readonly [why: string, changes: object, message: RegExp])[] = [
      [
        "labels alone",
        { match: { objectSelector: { matchLabels: { a: "b" } } } },
        /at least one of namespaces, images and digests/,
      ],
      ["no match", { match: {} }, /at least one of/],
      ["a digest that is none", { match: { digests: [`sha256:${"A".repeat(64)}`] } }, /not a digest/],
      ["an unknown rule", { rules: ["signature"] }, /Unsupported value: "signature"/],
      ["a policy that cannot be", { policies: ["a.b"] }, /not the name of a policy/],
      ["no reason", { reason: "" }, /spec\.reason/],
      ["no end", { expires: null }, /spec\.expires/],
    ];
    for (const [why, changes, message] of refused) {
      const { code, stderr } = await apply(exception("team", { ...changes }, "refused"));
      assert.notEqual(code, 0, why);
      assert.match(stderr, message, why);
    }
  });

  it("tell a week before that they end", async () => {
    const namespace = await cluster.newNamespace("ending");
    await put(policy("production", { digest: {} }));
    await put(exception(namespace, { expires: inTime(6 * DAY) }));
    await eventually(async () => assert.ok((await conditions()).includes("Expiring=True Expiring")));
    await eventually(async () =>
      assert.match(
        await kubectl("get", "events", "-n", "default"),
        /Warning +ExceptionExpiring +imagesecurityexception\/legacy +expires at 20/,
      ),
    );
  });

  it("end by themselves: at once for what comes, within a minute for what runs", async function () {
    this.timeout(120_000);
    const namespace = await cluster.newNamespace("ended");
    await put(policy("production", { digest: {} }));
    await put(exception(namespace, { expires: inTime(8_000) }));
    const end = Date.now() + 8_000;
    await eventually(async () => assert.equal((await apply(pod(namespace, "web", "nginx:1.21"))).code, 0));
    await violations(namespace, ["web exempted true"]);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, end - Date.now())));
    assert.match((await apply(pod(namespace, "late", "nginx:1.21"))).stderr, /DigestRequired/);
    const deadline = Date.now() + 60_000;
    for (;;) {
      const action = await kubectl(
        "get",
        "violations",
        "-n",
        namespace,
        "-o",
        "jsonpath={.items[*].enforcementAction}",
      );
      if (action === "deny") break;
      assert.ok(Date.now() < deadline, "a minute has passed");
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    await stands(["Active=False Expired"]);
    // What is there already may be changed as before.
    await kubectl("annotate", "pod", "web", "-n", namespace, "note=kept");
  });
});
