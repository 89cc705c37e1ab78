import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { createWinston } from "../../../operator/metrics/logging.ts";
import type { Denial } from "../../../webhook/review/denial.ts";
import { Collector } from "../../unit/operator/collector.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { pod, policy, startOperator } from "../operator/operatorUnderTest.ts";

describe("what is told of denials, on a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let operator: RunningOperator | undefined;
  let collector: Collector;
  const printed: string[] = [];

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    await cluster.installCrds();
    collector = await Collector.start();
    const log = createWinston(defaultSettings());
    for (const transport of log.transports) transport.silent = true;
    log.on("data", (line: Readonly<Record<PropertyKey, unknown>>) => printed.push(String(line[Symbol.for("message")])));
    operator = await startOperator(cluster, { denialSink: collector.url, clusterName: "east" }, { log });
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
    await collector?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  it("is one line in the log and one event for the collector, and of a dry run only the line", async () => {
    const dry = await cluster.kubectl("apply", "--dry-run=server", "-f", "-", pod("default", "dry", "nginx"));
    assert.match(dry.stderr, /DigestRequired/);
    const refused = await cluster.kubectl("apply", "-f", "-", pod("default", "web", "nginx:1.21"));
    assert.match(refused.stderr, /DigestRequired/);
    await eventually(() => assert.equal(collector.requests.length, 1));
    const [event] = collector.events();
    assert.ok(event !== undefined);
    assert.equal(event.source, "/image-security/clusters/east/namespaces/image-security-system");
    assert.equal(event.subject, "default/Pod/web");
    const lines = printed.map((line) => JSON.parse(line) as Denial & { message: string; level: string });
    const denials = lines.filter(({ message }) => message === "denied");
    assert.deepEqual(
      denials.map(({ name, dryRun }) => [name, dryRun]),
      [
        ["dry", true],
        ["web", false],
      ],
    );
    const {
      message: _message,
      level,
      timestamp: _timestamp,
      ...logged
    } = denials[1] as Denial & Record<"message" | "level" | "timestamp", string>;
    assert.equal(level, "info");
    assert.deepEqual(logged, event.data, "the log and the collector are told the same");
    assert.equal(logged.user, "sandbox-admin");
    assert.match(logged.uid, /^[0-9a-f-]{36}$/);
    assert.deepEqual(logged.images, ["nginx:1.21"]);
    await eventually(async () => {
      const text = await (await fetch(operator?.metricsUrl ?? "")).text();
      assert.match(text, /^image_security_denial_sink_events_total\{result="sent"\} 1$/m);
    });
    assert.equal(collector.events().length, 1, "a dry run has no side effects");
    if (process.env["PRINT"] !== undefined)
      console.log(
        printed.find((line) => line.includes("web")),
        collector.requests,
      );
  });
});
