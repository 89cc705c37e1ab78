import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { Helm, HELMS, IMAGE } from "./helm.ts";
import { operatorOf, OWN } from "./installed.ts";

const PATIENT = { within: 60_000, every: 300 };
const RELEASE = ["image-security", "--namespace", OWN];
/** Every kind that the chart makes, and the webhook configurations. */
const KINDS =
  "deployment,service,configmap,secret,role,rolebinding,serviceaccount,resourcequota,poddisruptionbudget,lease," +
  "clusterrole,clusterrolebinding,validatingwebhookconfiguration,mutatingwebhookconfiguration";

for (const name of HELMS)
  describe(`a release of ${name} while the operator works`, function () {
    this.timeout(300_000);
    let cluster: Cluster;
    let helm: Helm | undefined;
    let operator: RunningOperator | undefined;
    const logged: string[] = [];

    const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
      const { code, stdout, stderr } = await cluster.kubectl(...args);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const webhooks = (): Promise<string> =>
      kubectl("get", "validatingwebhookconfiguration", "image-security", "-o", "jsonpath={.webhooks}");
    const done = ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }): string => {
      assert.equal(code, 0, stderr);
      return stdout;
    };

    before(async function () {
      this.timeout(clusterTimeout);
      cluster = await startOwnCluster();
      helm = await Helm.find(name, cluster.kubeconfig);
      if (helm === undefined) this.skip();
      done(await helm.withChart(["install", ...RELEASE, "--create-namespace"], { image: IMAGE }));
      await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
      await kubectl("run", "early", "--image=docker.io/library/nginx:1.21", "-n", "kube-system");
      operator = await (await operatorOf(cluster)).start(logged);
      await operator.ready;
      await kubectl("apply", "-f", "-", {
        input: JSON.stringify({
          apiVersion: "imagesecurity.dev/v1",
          kind: "ImageSecurityPolicy",
          metadata: { name: "registries" },
          spec: { registries: { allow: ["registry.company.com"] } },
        }),
      });
      await kubectl("wait", "--for=condition=Enforced", "isp/registries", "--timeout=60s");
      await eventually(
        async () => assert.match(await kubectl("get", "violations", "-n", "kube-system"), /early/),
        PATIENT,
      );
    });
    afterEach(function () {
      if (this.currentTest?.state === "failed") console.error(logged.slice(-20).join("\n"));
    });
    after(async function () {
      this.timeout(30_000);
      await operator?.stop();
      await cluster?.stop();
      await helm?.[Symbol.asyncDispose]();
    });

    it("keeps the operator's entries, policies and Violations in an upgrade", async () => {
      const uid = "jsonpath={.items[*].metadata.uid}";
      const state = async (): Promise<readonly string[]> => [
        await webhooks(),
        await kubectl("get", "isp", "-o", uid),
        await kubectl("get", "violations", "-A", "-o", uid),
      ];
      const before = await state();
      assert.match(before[0] ?? "", /pods\.validate\.imagesecurity\.dev/);
      for (const auditInterval of ["20m", "25m"]) {
        const values = { image: IMAGE, settings: { auditInterval } };
        const told = done((await helm?.withChart(["upgrade", ...RELEASE], values)) ?? assert.fail());
        assert.match(told, /is installed in the namespace/);
        assert.doesNotMatch(told, /Nothing is refused yet/, "there are policies");
        assert.deepEqual(await state(), before);
      }
      assert.match(
        await kubectl("get", "deployment", "image-security", "-n", OWN, "-o", "yaml"),
        /--audit-interval=25m/,
      );
      assert.ok(!logged.some((line) => line.includes("was changed by someone else")), "nothing had to be put right");
    });

    it("takes everything but the CRDs away, and the operator puts nothing back", async () => {
      done((await helm?.run("uninstall", ...RELEASE)) ?? assert.fail());
      // The operator goes on for a while, as a Pod does that is told to end.
      await sleep(3_000);
      const left = await kubectl("get", KINDS, "-A", "-o", "name");
      // The operator's own Lease and Secret are in the namespace, which whoever made it deletes.
      assert.deepEqual(
        left.split("\n").filter((line) => /image-security/.test(line)),
        ["secret/image-security-webhook-certificates", "lease.coordination.k8s.io/image-security"],
      );
      await kubectl("run", "free", "--image=docker.io/library/nginx:1.21", "-n", "default", "--dry-run=server");
      assert.notEqual(await kubectl("get", "isp", "-o", "name"), "");
      await operator?.stop();
      operator = undefined;
      const crds = ["imagesecuritypolicies", "imagesecurityexceptions", "violations"];
      await kubectl("delete", "--wait=false", "crd", ...crds.map((crd) => `${crd}.imagesecurity.dev`));
    });
  });
