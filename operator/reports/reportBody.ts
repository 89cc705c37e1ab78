import { fieldsOf, listOf } from "../../json/fields.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import type { PolicyJudgement } from "../audit/judgement.ts";
import type { PodJudgement } from "../audit/podJudgements.ts";
import { MANAGED_BY, MANAGED_BY_LABEL, MANAGER } from "../cluster/managedBy.ts";
import type { PodRecord } from "../cluster/pods.ts";
import { bounded, cut } from "../../kube/bounds.ts";
import { ownHash } from "../violations/ownHash.ts";

/** `openreports.io/v1alpha1` (openreports/reports-api), as policy-reporter reads it: a Report for each Pod, which is its scope. */
export const REPORTS = { api: "/apis/openreports.io/v1alpha1", resource: "reports" } as const;
const SOURCE = MANAGER;

type Result = "fail" | "warn" | "error" | "skip";

interface ReportResult {
  readonly source: string;
  readonly policy: string;
  readonly rule: string;
  readonly category: string;
  readonly severity: "high" | "medium" | "info";
  readonly result: Result;
  readonly scored: boolean;
  readonly message: string;
  readonly timestamp: { readonly seconds: number; readonly nanos: number };
  readonly properties: Readonly<Record<string, string>>;
}

export interface Report {
  readonly apiVersion: "openreports.io/v1alpha1";
  readonly kind: "Report";
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly source: string;
  readonly scope: object;
  readonly configuration: object;
  readonly summary: Readonly<Record<"pass" | Result, number>>;
  readonly results: readonly ReportResult[];
}

/** Results of one Report, the bytes of all of them, and characters of a text: etcd must not be filled by what tenants write. */
const MOST_RESULTS = 100;
const MOST_BYTES = 128 * 1024;
const LONGEST = { message: 1_024, text: 512 } as const;

/** Kyverno names its Reports by the resource's uid alone. */
export const reportName = ({ uid }: Pick<PodRecord, "uid">): string => `${SOURCE}-${uid}`;

/**
 * The Report of a pod's violations; undefined where there are none. `now` in milliseconds since the epoch: when this
 * was found.
 */
export function reportBody({ pod, judgement }: PodJudgement, now: number): Report | undefined {
  const found = judgement.flatMap((one) =>
    one.findings.map((finding) => ({ finding, result: resultOf(one, finding) })),
  );
  const told = found.filter((each): each is { finding: Finding; result: Result } => each.result !== undefined);
  if (told.length === 0) return undefined;
  const summary = { pass: 0, fail: 0, warn: 0, error: 0, skip: 0 };
  for (const { result } of told) summary[result] += 1;
  const timestamp = { seconds: Math.floor(now / 1_000), nanos: 0 };
  const { namespace, name, uid } = pod;
  return {
    apiVersion: "openreports.io/v1alpha1",
    kind: "Report",
    metadata: {
      namespace,
      name: reportName(pod),
      labels: MANAGED_BY,
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }],
    },
    source: SOURCE,
    scope: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
    configuration: { limits: { maxResults: MOST_RESULTS, statusFilter: ["fail", "warn", "error", "skip"] } },
    summary,
    results: bounded(
      told.slice(0, MOST_RESULTS).map(({ finding, result }) => shown(finding, result, timestamp)),
      MOST_BYTES,
    ),
  };
}

/** Hash of what the operator writes, but for times. Equal hashes: nothing to write. */
export function reportHash(report: unknown): string {
  const { source, scope, configuration, summary, results, metadata } = fieldsOf(report);
  const { labels, ownerReferences } = fieldsOf(metadata);
  const untimed = listOf(results).map((result) => ({ ...fieldsOf(result), timestamp: undefined }));
  const own = {
    source,
    scope,
    configuration,
    summary,
    untimed,
    managedBy: fieldsOf(labels)[MANAGED_BY_LABEL],
    ownerReferences,
  };
  return ownHash(own);
}

/**
 * `fail` refuses a new pod, `warn` does not; `error`: nobody knows; `skip`: an exception silences it. What
 * onUnavailable: allow settled is no violation.
 */
function resultOf({ action }: PolicyJudgement, { action: of, reason, exempted }: Finding): Result | undefined {
  if (of === "allow") return undefined;
  if (exempted !== undefined || action === "exempted") return "skip";
  if (reason === "EvidenceUnavailable") return "error";
  return of === "deny" ? "fail" : "warn";
}

const SEVERITY = { fail: "high", error: "high", warn: "medium", skip: "info" } as const;

function shown(finding: Finding, result: Result, timestamp: ReportResult["timestamp"]): ReportResult {
  const { policy, rule, reason, container, image, digest, action, message, exempted } = finding;
  return {
    source: SOURCE,
    policy,
    rule,
    category: "Image Security",
    severity: SEVERITY[result],
    result,
    scored: action === "deny",
    message: cut(message, LONGEST.message),
    timestamp,
    properties: {
      reason,
      action,
      container: cut(container, LONGEST.text),
      image: cut(image, LONGEST.text),
      ...(digest === undefined ? {} : { digest }),
      ...(exempted === undefined ? {} : { exemptedBy: exempted.by, exemptedUntil: exempted.expires }),
    },
  };
}
