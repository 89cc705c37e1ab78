import assert from "node:assert/strict";
import { get } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { install, OWN, type Installed } from "./installed.ts";
import { configFolder } from "./kustomize.ts";

const VALIDATING = ["validatingwebhookconfiguration", "image-security"] as const;
const MUTATING = ["mutatingwebhookconfiguration", "image-security"] as const;

describe("nothing looks guarded that is not, with the rights of config/ alone", function () {
  this.timeout(90_000);
  let cluster: Cluster;
  let installed: Installed;
  let operator: RunningOperator | undefined;
  const logged: string[] = [];

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const entries = (): Promise<string> => kubectl("get", ...VALIDATING, "-o", "jsonpath={.webhooks[*].name}");
  const run = (): ReturnType<Cluster["kubectl"]> =>
    cluster.kubectl("run", "probe", "--image=docker.io/library/nginx:1.21", "--dry-run=server");
  const isRefused = async (): Promise<void> => assert.match((await run()).stderr, /RegistryNotAllowed/);
  const isFree = async (): Promise<void> => assert.equal((await run()).code, 0);
  const wide = (): Promise<string> => kubectl("get", "isp", "-o", "wide");
  const says = (reason: string, message: RegExp): Promise<void> =>
    eventually(
      async () => {
        const text = await kubectl(
          "get",
          "isp",
          "-o",
          'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Enforced")].reason} {.status.conditions[?(@.type=="Enforced")].message}{"\\n"}{end}',
        );
        for (const line of text.trimEnd().split("\n")) {
          assert.ok(line.startsWith(`${reason} `), line);
          assert.match(line, message);
        }
      },
      { within: 15_000 },
    );
  const metric = async (): Promise<string | undefined> =>
    (await (await fetch(operator?.metricsUrl ?? "")).text())
      .split("\n")
      .find((line) => line.startsWith("image_security_enforced "));
  const readyz = async (): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    // The certificate is of no interest here.
    get(`${operator?.webhookUrl}/readyz`, { rejectUnauthorized: false }, (response) => {
      response.setEncoding("utf8").on("data", resolve).on("error", reject);
    }).once("error", reject);
    return await promise;
  };

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    installed = await install(cluster);
    for (const [name, more] of [
      ["registries", { registries: { allow: ["registry.company.com"] } }],
      ["pins", { digest: { required: false, pin: "Pods" }, match: { namespaces: ["nobody"] } }],
    ] as const)
      await kubectl("apply", "-f", "-", {
        input: JSON.stringify({
          apiVersion: "imagesecurity.dev/v1",
          kind: "ImageSecurityPolicy",
          metadata: { name },
          spec: more,
        }),
      });
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "passed") console.error(logged.slice(-20).join("\n"));
  });
  after(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  describe("where the API server cannot reach it", () => {
    before(async () => {
      operator = await installed.start(logged, "--webhook-url=https://127.0.0.1:1");
    });
    after(async () => {
      await operator?.stop();
      operator = undefined;
    });

    it("installs nothing that could stop the cluster, and every policy says why", async () => {
      await says("NotInstalled", /connection refused.*images get in without being judged; see docs/);
      assert.equal(await entries(), "probe.validate.imagesecurity.dev");
      await isFree();
      assert.match(await wide(), /registries +deny +True .* False +not installed, because the API server/);
      assert.equal(await metric(), "image_security_enforced 0");
      assert.match(await readyz(), /^ok, but admission is not enforced: not installed/);
      await eventually(async () =>
        assert.match(
          await kubectl("get", "events", "-n", "default"),
          /Warning +NotEnforced +imagesecuritypolicy\/registries +not installed/,
        ),
      );
    });
  });

  describe("with --manage-webhooks", () => {
    before(async () => {
      operator = await installed.start(logged);
      await operator.ready;
      await says("Asked", /the API server was seen to reach it/);
    });

    it("is asked, and every policy says so", async () => {
      await isRefused();
      await eventually(async () => assert.equal(await metric(), "image_security_enforced 1"));
      assert.equal((await readyz()).trim(), "ok");
      assert.match(await wide(), /registries +deny +True .* True +admission asks the webhook/);
    });

    const entry = (fields: object): string =>
      JSON.stringify({ webhooks: [{ name: "pods.validate.imagesecurity.dev", ...fields }] });
    const harms: readonly (readonly [what: string, ...command: readonly string[]])[] = [
      ["deletes it", "delete", ...VALIDATING],
      ["empties it", "patch", ...VALIDATING, "--type=merge", "-p", '{"webhooks":[]}'],
      ["replaces it by what was installed", "replace", "-f", `${configFolder("webhook")}/validating.yaml`],
      ["sets it to Ignore", "patch", ...VALIDATING, "-p", entry({ failurePolicy: "Ignore" })],
      ["narrows its objects", "patch", ...VALIDATING, "-p", entry({ objectSelector: { matchLabels: { a: "b" } } })],
      [
        "narrows its namespaces",
        "patch",
        ...VALIDATING,
        "-p",
        entry({ namespaceSelector: { matchLabels: { a: "b" } } }),
      ],
      ["narrows its rules", "patch", ...VALIDATING, "-p", entry({ rules: [] })],
      [
        "adds a condition",
        "patch",
        ...VALIDATING,
        "-p",
        entry({ matchConditions: [{ name: "z", expression: "false" }] }),
      ],
      ["empties its CA", "patch", ...VALIDATING, "-p", entry({ clientConfig: { caBundle: "" } })],
      [
        "sends it elsewhere",
        "patch",
        ...VALIDATING,
        "-p",
        entry({ clientConfig: { url: "https://127.0.0.1:1/validate" } }),
      ],
    ];
    for (const [what, ...command] of harms)
      it(`puts it right within 10 s when somebody ${what}`, async () => {
        const whole = await kubectl("get", ...VALIDATING, "-o", "jsonpath={.webhooks}");
        await kubectl(...command);
        const healed = async (): Promise<void> =>
          assert.equal((await cluster.kubectl("get", ...VALIDATING, "-o", "jsonpath={.webhooks}")).stdout, whole);
        await eventually(healed, { within: 10_000, every: 20 });
        await eventually(isRefused);
        await wait(300);
      });

    it("puts the mutating one right as well", async () => {
      const names = (): Promise<string> => kubectl("get", ...MUTATING, "-o", "jsonpath={.webhooks[*].name}");
      await eventually(async () => assert.match(await names(), /pods\.mutate/));
      await kubectl("patch", ...MUTATING, "--type=merge", "-p", '{"webhooks":[]}');
      await eventually(async () => assert.match(await names(), /pods\.mutate/));
    });

    it("stays away while it is suspended, and every policy says so", async () => {
      await kubectl("annotate", ...VALIDATING, "imagesecurity.dev/suspended=incident 42");
      await eventually(async () => assert.equal(await entries(), ""));
      await eventually(isFree);
      await says("Suspended", /\(incident 42\).*kubectl annotate validatingwebhookconfiguration/);
      assert.equal(await metric(), "image_security_enforced 0");
      await wait(1_000);
      await isFree();
      await kubectl("annotate", ...VALIDATING, "imagesecurity.dev/suspended-");
      await eventually(isRefused);
      await says("Asked", /./);
    });

    it("says it where it has no right to put it right, without a raw answer in its log", async () => {
      const role = JSON.parse(await kubectl("get", "clusterrole", "image-security", "-o", "json")) as {
        rules: { verbs: string[]; resourceNames?: string[] }[];
      };
      const rules = role.rules.filter(
        ({ verbs, resourceNames }) =>
          !(verbs.includes("patch") && resourceNames?.includes("image-security")) && verbs.join() !== "create",
      );
      assert.equal(role.rules.length - rules.length, 2);
      await kubectl(
        "patch",
        "clusterrole",
        "image-security",
        "--type=merge",
        "-p",
        JSON.stringify({
          rules: [
            ...rules,
            {
              apiGroups: ["admissionregistration.k8s.io"],
              resources: ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
              verbs: ["get", "list", "watch"],
            },
          ],
        }),
      );
      const logsBefore = logged.length;
      await kubectl("patch", ...VALIDATING, "-p", entry({ failurePolicy: "Ignore" }));
      await says("FailsOpen", /failurePolicy is not Fail \(pods\.validate.*could not put it right \(.*cannot patch/);
      await kubectl("delete", ...VALIDATING);
      await says("ConfigurationMissing", /is missing.*could not put it right \(.*cannot create/);
      await isFree();
      await eventually(async () =>
        assert.match(
          await kubectl("get", "events", "-n", "default"),
          /Warning +NotEnforced +imagesecuritypolicy\/registries +the ValidatingWebhookConfiguration image-security is missing/,
        ),
      );
      assert.equal(await metric(), "image_security_enforced 0");
      const lines = logged.slice(logsBefore).filter((line) => line.includes("could not be installed"));
      assert.ok(lines.length > 0);
      for (const line of lines) assert.ok(!/HTTP-Code|Headers/.test(line) && line.length < 600, line);
      await kubectl("apply", "-k", configFolder("default"));
      await eventually(isRefused, { within: 20_000 });
    });

    it("takes everything away when its namespace goes", async () => {
      await kubectl("delete", "namespace", OWN, "--wait=false");
      await kubectl("delete", ...VALIDATING);
      await wait(2_000);
      const { stderr } = await cluster.kubectl("get", ...VALIDATING);
      assert.match(stderr, /NotFound/);
      await isFree();
    });
  });
});
