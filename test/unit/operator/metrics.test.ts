import assert from "node:assert/strict";
import { createTally } from "../../../operator/audit/violationCounts.ts";
import type { PolicyJudgement } from "../../../operator/audit/judgement.ts";
import { SILENT } from "../../../kube/log.ts";
import { createMetrics, type OperatorMetrics } from "../../../operator/metrics/metrics.ts";
import { startMetricsServer } from "../../../operator/metrics/metricsServer.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { CallerRecord } from "../../../webhook/callers/callerRecord.ts";
import { policySet } from "../../stream/policies.ts";
import type { GuardState } from "../../../webhook/guard/guardState.ts";
import { at, DAY, exception } from "../policy/excepting.ts";
import { NOW } from "../policy/judging.ts";

const finding = (changes: Partial<Finding> = {}): Finding => ({
  policy: "p",
  rule: "digest",
  reason: "DigestRequired",
  container: "main",
  image: "nginx:secret-image",
  action: "deny",
  message: "",
  ...changes,
});
const judgement = (
  policy: string,
  action: PolicyJudgement["action"],
  ...findings: readonly Finding[]
): PolicyJudgement => ({
  policy,
  policyUid: "u",
  action,
  findings,
});
const ours = async (metrics: OperatorMetrics): Promise<readonly string[]> =>
  (await metrics.text()).split("\n").filter((line) => line.startsWith("image_security_"));

describe("the tally of violations", () => {
  it("counts pods, by policy and by rule, and forgets what it counted", () => {
    const tally = createTally();
    const both = [
      judgement(
        "p",
        "deny",
        finding(),
        finding({ container: "b" }),
        finding({ rule: "registries", reason: "RegistryDenied" }),
      ),
    ];
    tally.change("default", both, 1);
    tally.change("default", both, 1);
    tally.change("other", [judgement("p", "warn", finding())], 1);
    assert.deepEqual(tally.totals("p"), { violations: 3, exempted: 0 });
    const series = (): readonly string[] =>
      [...tally.series()]
        .map(({ namespace, rule, action, pods }) => `${namespace} ${rule} ${action} ${pods}`)
        .toSorted();
    assert.deepEqual(series(), ["default digest deny 2", "default registries deny 2", "other digest warn 1"]);
    tally.change("default", both, -1);
    tally.change("other", [judgement("p", "warn", finding())], -1);
    assert.deepEqual(series(), ["default digest deny 1", "default registries deny 1"]);
    tally.change("default", both, -1);
    assert.deepEqual(series(), []);
    assert.deepEqual(tally.totals("p"), { violations: 0, exempted: 0 });
  });

  it("counts what is exempted apart", () => {
    const tally = createTally();
    const silenced = finding({ exempted: { by: "e", expires: "2027-01-01T00:00:00Z" } });
    tally.change("default", [judgement("p", "exempted", silenced)], 1);
    tally.change(
      "default",
      [judgement("p", "deny", silenced, finding({ rule: "registries", reason: "RegistryDenied" }))],
      1,
    );
    assert.deepEqual(tally.totals("p"), { violations: 1, exempted: 1 });
    assert.deepEqual(
      [...tally.series()].map(({ rule }) => rule),
      ["registries"],
      "a silenced finding is no violation of its rule",
    );
    assert.deepEqual([...tally.exempted()], [["p", 1]]);
    assert.equal(tally.silencedBy("e"), 2, "pods, whatever else they violate");
    assert.equal(tally.silencedBy("other"), 0);
    tally.change("default", [judgement("p", "exempted", silenced, silenced), judgement("q", "exempted", silenced)], 1);
    assert.equal(tally.silencedBy("e"), 3, "each pod once");
    tally.reset();
    assert.equal(tally.silencedBy("e"), 0);
  });
});

describe("metrics", () => {
  const set = {
    ...policySet({
      p: { registries: { allow: ["registry.company.com"] } },
      broken: { authorities: [{ name: "a", key: { pem: "x" } }], signatures: { authorities: ["a"] } },
    }),
    exceptions: [
      exception({ expires: at(NOW + DAY) }, "legacy"),
      exception({ expires: at(NOW - 1) }, "expired"),
      exception({ rules: ["revocation"] }, "refused"),
      ...Array.from({ length: 120 }, (_, index) => exception({ expires: at(NOW + 2 * DAY) }, `later-${index}`)),
    ],
  };

  let audited = true;
  let guard: GuardState = { status: "unknown" };

  const observed = (leading: () => boolean): OperatorMetrics => {
    const metrics = createMetrics();
    const tally = createTally();
    tally.change("default", [judgement("p", "deny", finding())], 1);
    for (const namespace of ["default", "kube-system"])
      tally.change(namespace, [{ ...judgement("q", "exempted", finding()), refusesAnew: true }], 1);
    metrics.observe({
      policies: () => set,
      leading,
      now: () => NOW,
      tally,
      report: () => (audited ? { endedAt: 1_000_000, duration: 1_500, pods: 7, images: 3 } : undefined),
      exposure: { series: () => [] },
      scanAges: { series: () => [{ policy: "p", namespace: "default", within: "24h", images: 2 }] },
      coverage: {
        images: () => new Map([["scan", 3]]),
        byNamespace: () => [{ namespace: "default", layer: "scan", images: 3 }],
        notAsked: () => 4,
      },
      leftOut: new Set(["kube-system"]),
      reviewsInHand: () => 5,
      guard: () => guard,
    });
    return metrics;
  };

  it("say who posts reviews, and which program this is", async () => {
    const metrics = createMetrics();
    const record = new CallerRecord();
    metrics.observeCallers(record);
    metrics.buildInfo("1.2.3");
    record.count(0, "accepted").value += 2;
    record.count(undefined, "untrusted").value += 1;
    record.certificate(0, "aa", 5_000_000, 1);
    const expected = [
      `image_security_build_info{version="1.2.3",node="${process.version}"} 1`,
      'image_security_webhook_callers_total{caller="1",result="accepted"} 2',
      'image_security_webhook_callers_total{caller="other",result="untrusted"} 1',
      'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1"} 5000',
    ];
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const lines = await ours(metrics);
      for (const line of expected) assert.ok(lines.includes(line), line);
    }
  });

  it("are those of the design, with bounded labels", async () => {
    const metrics = observed(() => true);
    metrics.admission.admission("Pod", "CREATE", "deny", 0.001);
    metrics.admission.findings([finding()], "default");
    metrics.evidence.registryRequest("registry.company.com", "manifest", "200", 0.1);
    metrics.evidence.registryRequest("evil.example", "manifest", "timeout", 0.1);
    metrics.evidence.openCircuits?.(() => ["registry.company.com", "evil.example", "other.example"]);
    metrics.evidence.cacheRequest("manifest", "hit");
    metrics.turnedAway("namespace");
    metrics.evidence.unavailable("manifest", "timeout");
    metrics.watchAlive("pods", 5_000);
    metrics.watchAlive("vulnerabilityreports", 5_000);
    metrics.watchEnded("vulnerabilityreports");
    metrics.certificateExpiry(9_000);
    const lines = await ours(metrics);
    for (const line of [
      'image_security_admission_requests_total{kind="Pod",operation="CREATE",decision="deny"} 1',
      'image_security_admission_duration_seconds_count{decision="deny"} 1',
      'image_security_findings_total{policy="p",rule="digest",reason="DigestRequired",action="deny"} 1',
      'image_security_refusals_total{policy="p",reason="DigestRequired"} 1',
      'image_security_violations{policy="p",namespace="default",rule="digest",action="deny"} 1',
      'image_security_exempted{policy="p"} 0',
      'image_security_policies{state="ready"} 1',
      'image_security_policies{state="notready"} 1',
      "image_security_audit_duration_seconds 1.5",
      "image_security_audit_last_success_timestamp_seconds 1000",
      "image_security_audit_pods 7",
      "image_security_audit_images 3",
      'image_security_registry_requests_total{registry="registry.company.com",operation="manifest",code="200"} 1',
      'image_security_registry_requests_total{registry="other",operation="manifest",code="timeout"} 1',
      'image_security_registry_circuit_open{registry="registry.company.com"} 1',
      'image_security_registry_circuit_open{registry="other"} 2',
      'image_security_registry_request_duration_seconds_count{registry="other",operation="manifest"} 1',
      'image_security_evidence_cache_requests_total{kind="manifest",result="hit"} 1',
      'image_security_evidence_unavailable_total{kind="manifest",cause="timeout"} 1',
      'image_security_reviews_turned_away_total{why="namespace"} 1',
      "image_security_reviews_in_hand 5",
      'image_security_expiring_scans{policy="p",namespace="default",within="24h"} 2',
      'image_security_reschedule_refused_pods{namespace="default"} 1',
      'image_security_uncovered_images{layer="scan"} 3',
      'image_security_namespace_uncovered_images{namespace="default",layer="scan"} 3',
      "image_security_left_out_images 4",
      "image_security_certificate_expiry_timestamp_seconds 9",
      "image_security_leader 1",
      'image_security_watch_last_event_timestamp_seconds{resource="pods"} 5',
    ]) {
      assert.ok(lines.includes(line), line);
    }
    assert.ok(!lines.some((line) => /nginx|evil/.test(line)), "no image and no foreign registry");
    assert.ok(!lines.some((line) => line.includes("vulnerabilityreports")), "a watch that is over is not silent");
    assert.ok(!lines.some((line) => /refused_pods.*kube-system/.test(line)), "admission is not asked there");
  });

  it("tell nothing of findings by a policy that is gone, and all before anybody knows policies", async () => {
    const told = async (metrics: OperatorMetrics): Promise<readonly string[]> => {
      for (const name of ["p", "was-here"]) metrics.admission.findings([finding({ policy: name })], "default");
      return (await ours(metrics)).filter((line) => line.startsWith("image_security_findings_total"));
    };
    assert.deepEqual(await told(observed(() => true)), [
      'image_security_findings_total{policy="p",rule="digest",reason="DigestRequired",action="deny"} 1',
    ]);
    assert.equal((await told(createMetrics())).length, 2);
  });

  it("tell of several watches of a resource the one that is silent, until it has ended", async () => {
    const metrics = observed(() => true);
    metrics.watchAlive("secrets", 9_000, "a");
    metrics.watchAlive("secrets", 5_000, "b");
    const told = async (): Promise<readonly string[]> =>
      (await ours(metrics)).filter((line) => line.includes('resource="secrets"'));
    const name = 'image_security_watch_last_event_timestamp_seconds{resource="secrets"}';
    assert.deepEqual(await told(), [`${name} 5`]);
    metrics.watchEnded("secrets", "b");
    assert.deepEqual(await told(), [`${name} 9`]);
    metrics.watchEnded("secrets", "a");
    assert.deepEqual(await told(), []);
  });

  it("tell when exceptions end that are in force, of very many those that end first", async () => {
    const lines = (await ours(observed(() => true))).filter((line) => line.startsWith("image_security_exception_"));
    assert.equal(lines.length, 100);
    assert.equal(
      lines[0],
      `image_security_exception_expiry_timestamp_seconds{exception="legacy"} ${(NOW + DAY) / 1_000}`,
    );
    assert.ok(!lines.some((line) => /expired|refused/.test(line)));
    assert.deepEqual(
      (await ours(observed(() => false))).filter((line) => line.includes("exception_expiry")),
      [],
    );
  });

  it("say nothing of what is covered before the first audit is complete: 0 would read as all of it", async () => {
    audited = false;
    const lines = await ours(observed(() => true));
    audited = true;
    assert.deepEqual(
      lines.filter((line) => /uncovered|left_out/.test(line)),
      [],
    );
  });

  it("of the audit are exported by the leader only", async () => {
    let leading = true;
    const metrics = observed(() => leading);
    assert.ok((await ours(metrics)).some((line) => line.startsWith("image_security_violations")));
    leading = false;
    const lines = await ours(metrics);
    assert.ok(
      !lines.some((line) =>
        /^image_security_(?:violations|exempted|audit|.*uncovered|left_out|expiring|reschedule)/.test(line),
      ),
      lines.join("\n"),
    );
    assert.ok(lines.includes("image_security_leader 0"));
  });

  it("say whether admission asks the webhook, and nothing before anybody has looked", async () => {
    const metrics = observed(() => false);
    const told = async (): Promise<string | undefined> =>
      (await ours(metrics)).find((line) => line.startsWith("image_security_enforced "));
    guard = { status: "unknown" };
    assert.equal(await told(), undefined);
    guard = { status: "enforced", message: "", pinning: undefined };
    assert.equal(await told(), "image_security_enforced 1");
    guard = { status: "enforced", message: "", pinning: "tags are not pinned" };
    assert.equal(await told(), "image_security_enforced 0");
    guard = { status: "gap", reason: "FailsOpen", message: "", pinning: undefined };
    assert.equal(await told(), "image_security_enforced 0");
  });

  it("of two operators in one process do not mix", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.admission.admission("Pod", "CREATE", "deny", 0);
    assert.ok(!(await ours(other)).some((line) => line.startsWith("image_security_admission_requests_total")));
  });

  it("are served at /metrics, and nothing else is", async () => {
    const server = await startMetricsServer(createMetrics(), { host: "127.0.0.1", port: 0 }, SILENT);
    const response = await fetch(server.url);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    assert.match(await response.text(), /process_cpu_seconds_total/);
    assert.equal((await fetch(new URL("/", server.url))).status, 404);
    assert.equal((await fetch(server.url, { method: "POST" })).status, 405);
    await server.close();
    await assert.rejects(fetch(server.url));
  });
});
