import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { Collector } from "../../unit/operator/collector.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly { readonly name: string; readonly attributes: object[] }[];
    }[];
  }[];
}

describe("traces of a review on a real API server", function () {
  this.timeout(60_000);
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "200",
    OTEL_SERVICE_NAME: "guard",
  };
  let cluster: Cluster;
  let collector: Collector;
  let operator: RunningOperator | undefined;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    collector = await Collector.start();
    Object.assign(process.env, variables, { OTEL_EXPORTER_OTLP_ENDPOINT: new URL(collector.url).origin });
    operator = await startOperator(cluster, { tracing: true });
    const applied = await cluster.kubectl(
      "apply",
      "-f",
      "-",
      policy("production", { match: { excludeNamespaces: ["kube-*"] }, digest: { required: true } }),
    );
    assert.equal(applied.code, 0, applied.stderr);
    await cluster.kubectl("wait", "--for=condition=Enforced", "isp/production", "--timeout=20s");
  });
  after(async () => {
    await operator?.stop();
    for (const name of Object.keys(variables)) delete process.env[name];
    await collector?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  it("arrive where the standard variables say, under their name", async () => {
    const refused = await cluster.kubectl("apply", "-f", "-", pod("default", "web", "nginx:1.21"));
    assert.match(refused.stderr, /DigestRequired/);
    await eventually(() => {
      const exported = collector.requests
        .map(({ body }) => JSON.parse(body) as Exported)
        .flatMap((one) => one.resourceSpans);
      const spans = exported.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
      const text = spans.map((span) => JSON.stringify(span)).find((one) => one.includes('"Pod"'));
      assert.match(text ?? "", /admission validate/);
      assert.match(text ?? "", /"image_security.allowed","value":\{"boolValue":false\}/);
      assert.match(JSON.stringify(exported[0]?.resource), /"service.name","value":\{"stringValue":"guard"\}/);
    });
  });
});
