import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { everyMetric } from "../../../docs/metricsPage.ts";
import { configFolder } from "../config/kustomize.ts";
import { findPrometheus } from "./prometheus.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

const RUNBOOKS = "https://github.com/image-security/image-security/blob/main/docs/runbooks/alerts.md";

const read = async (): Promise<{ readonly groups: readonly { readonly rules: readonly Rule[] }[] }> => {
  const text = await readFile(join(configFolder("components/alerts"), "prometheusRule.yaml"), "utf8");
  return (parse(text) as { spec: { groups: { rules: Rule[] }[] } }).spec;
};

/** Reviews a minute by how long they took. */
const duration = (counts: Readonly<Record<string, number>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(counts).map(([le, count]) => [
      `image_security_admission_duration_seconds_bucket{decision="allow",le="${le}"}`,
      `0+${count}x40`,
    ]),
  );

/** Series over time, and the alert that they raise at a minute, if any. */
const CASES: readonly (readonly [
  alert: string,
  minute: number,
  raised: boolean,
  series: Readonly<Record<string, string>>,
])[] = [
  ["ImageSecurityNotEnforced", 5, false, { 'image_security_enforced{pod="a"}': "1x10" }],
  [
    "ImageSecurityNotEnforced",
    5,
    true,
    { 'image_security_enforced{pod="a"}': "1x10", 'image_security_enforced{pod="b"}': "0x10" },
  ],
  ["ImageSecurityAbsent", 4, false, { up: "0x10" }],
  ["ImageSecurityAbsent", 6, true, { up: "0x10" }],
  [
    "ImageSecurityNoLeader",
    6,
    true,
    { 'image_security_leader{pod="a"}': "0x10", 'image_security_leader{pod="b"}': "0x10" },
  ],
  [
    "ImageSecurityNoLeader",
    6,
    false,
    { 'image_security_leader{pod="a"}': "0x10", 'image_security_leader{pod="b"}': "1x10" },
  ],
  ["ImageSecurityPolicyNotReady", 16, true, { 'image_security_policies{state="notready"}': "1x20" }],
  ["ImageSecurityPolicyNotReady", 16, false, { 'image_security_policies{state="ready"}': "1x20" }],
  ["ImageSecurityCertificateExpires", 70, true, { image_security_certificate_expiry_timestamp_seconds: "86400x80" }],
  ["ImageSecurityCertificateExpires", 70, false, { image_security_certificate_expiry_timestamp_seconds: "8640000x80" }],
  [
    "ImageSecurityClientCertificateExpires",
    70,
    true,
    {
      'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1",pod="a"}': "8640000x80",
      'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1",pod="b"}': "86400x80",
    },
  ],
  [
    "ImageSecurityClientCertificateExpires",
    70,
    false,
    { 'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1"}': "8640000x80" },
  ],
  [
    "ImageSecurityClientCertificateExpired",
    61,
    true,
    { 'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1"}': "3600x80" },
  ],
  [
    "ImageSecurityClientCertificateExpired",
    59,
    false,
    { 'image_security_webhook_client_certificate_expiry_timestamp_seconds{caller="1"}': "3600x80" },
  ],
  [
    "ImageSecurityCallerNotAccepted",
    30,
    true,
    { 'image_security_webhook_callers_total{caller="1",result="expired"}': "0+60x40" },
  ],
  [
    "ImageSecurityCallerNotAccepted",
    30,
    false,
    {
      'image_security_webhook_callers_total{caller="1",result="accepted"}': "0+60x40",
      'image_security_webhook_callers_total{caller="1",result="expired"}': "7x40",
    },
  ],
  [
    "ImageSecurityExceptionExpires",
    10,
    true,
    {
      'image_security_exception_expiry_timestamp_seconds{exception="legacy",pod="a"}': "86400x20",
      'image_security_exception_expiry_timestamp_seconds{exception="new",pod="a"}': "8640000x20",
    },
  ],
  [
    "ImageSecurityExceptionExpires",
    10,
    true,
    // The one leads no longer, the other was not scraped yet.
    {
      'image_security_exception_expiry_timestamp_seconds{exception="legacy",pod="a"}': "86400x8 stale",
      'image_security_exception_expiry_timestamp_seconds{exception="legacy",pod="b"}': "_x12 86400x9",
    },
  ],
  [
    "ImageSecurityExceptionExpires",
    10,
    false,
    { 'image_security_exception_expiry_timestamp_seconds{exception="new"}': "8640000x20" },
  ],
  ["ImageSecurityAuditOld", 55, true, { image_security_audit_last_success_timestamp_seconds: "0x60" }],
  // Nobody has ended one since the start: there is no time to tell.
  ["ImageSecurityAuditOld", 55, true, { 'image_security_leader{pod="a"}': "1x60" }],
  ["ImageSecurityAuditOld", 40, false, { 'image_security_leader{pod="a"}': "1x60" }],
  [
    "ImageSecurityAuditOld",
    60,
    false,
    // Another leads since ten minutes, and is at its first.
    {
      'image_security_leader{pod="a"}': "1x50 stale",
      'image_security_leader{pod="b"}': "0x50 1x20",
      'image_security_audit_last_success_timestamp_seconds{pod="a"}': "0+60x50 stale",
    },
  ],
  ["ImageSecurityAuditOld", 55, false, { image_security_audit_last_success_timestamp_seconds: "0+60x60" }],
  [
    "ImageSecurityEvidenceUnavailable",
    30,
    true,
    { 'image_security_evidence_unavailable_total{kind="manifest",cause="timeout"}': "0+60x40" },
  ],
  [
    "ImageSecurityEvidenceUnavailable",
    30,
    false,
    { 'image_security_evidence_unavailable_total{kind="manifest",cause="timeout"}': "7x40" },
  ],
  [
    "ImageSecurityRegistryLeftAlone",
    15,
    true,
    // Between two tries there is none.
    { 'image_security_registry_circuit_open{registry="ghcr.io",pod="a"}': "1 _ _ 1 _ _ 1 _ _ 1 _ _ 1 _ _ 1 _ _" },
  ],
  [
    "ImageSecurityRegistryLeftAlone",
    15,
    false,
    { 'image_security_registry_circuit_open{registry="ghcr.io",pod="a"}': "1 1 _x20" },
  ],
  [
    "ImageSecurityReviewsFail",
    20,
    true,
    { 'image_security_admission_requests_total{decision="error",kind="Pod"}': "0+1x30" },
  ],
  [
    "ImageSecurityReviewsFail",
    20,
    false,
    {
      'image_security_admission_requests_total{decision="error",kind="Pod"}': "7x30",
      'image_security_admission_requests_total{decision="deny",kind="Pod"}': "0+60x30",
    },
  ],
  ["ImageSecuritySlow", 30, true, duration({ "2.5": 90, "10": 100, "+Inf": 100 })],
  ["ImageSecuritySlow", 30, false, duration({ "2.5": 100, "10": 100, "+Inf": 100 })],
  ["ImageSecurityOverloaded", 20, true, { 'image_security_reviews_turned_away_total{why="namespace"}': "0+3x30" }],
  [
    "ImageSecurityOverloaded",
    20,
    false,
    // A single burst that is over.
    { 'image_security_reviews_turned_away_total{why="namespace"}': "0x5 3x30" },
  ],
  [
    "ImageSecurityWatchStalled",
    75,
    true,
    { 'image_security_watch_last_event_timestamp_seconds{resource="pods",pod="a"}': "0x80" },
  ],
  [
    "ImageSecurityWatchStalled",
    75,
    false,
    // As old as one gets whose API server sends nothing, until the hourly list.
    { 'image_security_watch_last_event_timestamp_seconds{resource="pods",pod="a"}': "0x60 3600x20" },
  ],
  [
    "ImageSecurityDenialsDropped",
    30,
    true,
    {
      'image_security_denial_sink_events_total{result="sent"}': "0+60x40",
      'image_security_denial_sink_events_total{result="dropped"}': "0+1x40",
    },
  ],
  [
    "ImageSecurityDenialsDropped",
    30,
    false,
    {
      'image_security_denial_sink_events_total{result="sent"}': "0+60x40",
      'image_security_denial_sink_events_total{result="dropped"}': "7x40",
    },
  ],
];

/** What an alert tells beside its own labels. */
const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ImageSecurityEvidenceUnavailable: { kind: "manifest", cause: "timeout" },
  ImageSecurityClientCertificateExpires: { caller: "1" },
  ImageSecurityClientCertificateExpired: { caller: "1" },
  ImageSecurityExceptionExpires: { exception: "legacy" },
  ImageSecurityRegistryLeftAlone: { registry: "ghcr.io" },
  ImageSecurityOverloaded: { why: "namespace" },
  ImageSecurityWatchStalled: { resource: "pods" },
  ImageSecurityCallerNotAccepted: { caller: "1", result: "expired" },
};

describe("the alerts of config/components/alerts", function () {
  this.timeout(30_000);
  const prometheus = findPrometheus();

  it("name metrics that the operator has, and a runbook each", async () => {
    const { groups } = await read();
    const rules = groups.flatMap((group) => group.rules);
    const docs = await readFile(new URL("../../../docs/runbooks/alerts.md", import.meta.url), "utf8");
    const metrics = new Set(everyMetric().map(({ name }) => name));
    for (const { alert, expr, annotations, labels } of rules) {
      for (const [name] of expr.matchAll(/image_security_\w+/g))
        assert.ok(metrics.has(name.replace(/_bucket$/, "")), `${alert}: there is no metric ${name}`);
      assert.equal(annotations.runbook_url, `${RUNBOOKS}#${alert.toLowerCase()}`);
      const { 1: runbook = "" } = new RegExp(`^## ${alert}\n\n([^#]*)`, "m").exec(docs) ?? [];
      for (const part of ["Means", "Impact", "Do"])
        assert.match(runbook, new RegExp(`\\*\\*${part}\\*\\*: \\S`), `${alert}: its runbook does not say ${part}`);
      assert.ok(annotations.summary !== "" && annotations.description !== "" && labels.severity !== "");
    }
    assert.deepEqual(
      [...new Set(CASES.map(([alert]) => alert))],
      rules.map(({ alert }) => alert),
      "each has its cases",
    );
    assert.deepEqual(
      [...docs.matchAll(/^## (\w+)$/gm)].map(([, alert = ""]) => alert).toSorted(),
      rules.map(({ alert }) => alert).toSorted(),
      "no runbook is of an alert that there is not",
    );
    for (const { alert } of rules)
      assert.deepEqual(
        [true, false].filter((raised) => CASES.some(([of, , expected]) => of === alert && expected === raised)),
        [true, false],
        `${alert} is seen raised and silent`,
      );
  });

  it("are raised when they should be, and only then", async function () {
    if (prometheus === undefined) return this.skip();
    const folder = await mkdtemp(join(tmpdir(), "image-security-alerts-"));
    try {
      const { groups } = await read();
      // JSON is YAML.
      await writeFile(join(folder, "rules.yml"), JSON.stringify({ groups }));
      const rules = groups.flatMap((group) => group.rules);
      const tests = CASES.map(([alert, minute, raised, series]) => {
        const rule = rules.find((one) => one.alert === alert);
        const told = LABELS[alert] ?? {};
        const fill = (text: string): string =>
          text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name: string) => told[name] ?? "");
        const annotations = Object.fromEntries(
          Object.entries(rule?.annotations ?? {}).map(([name, text]) => [name, fill(text)]),
        );
        return {
          interval: "1m",
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          alert_rule_test: [
            {
              alertname: alert,
              eval_time: `${minute}m`,
              exp_alerts: raised ? [{ exp_labels: { ...rule?.labels, ...told }, exp_annotations: annotations }] : [],
            },
          ],
        };
      });
      await writeFile(join(folder, "test.yml"), JSON.stringify({ rule_files: ["rules.yml"], tests }));
      const { stdout } = await promisify(execFile)(join(dirname(prometheus), "promtool"), [
        "test",
        "rules",
        join(folder, "test.yml"),
      ]);
      assert.match(stdout, /SUCCESS/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
