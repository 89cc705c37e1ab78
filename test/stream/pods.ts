import type { Judgement, PolicyJudgement } from "../../operator/audit/judgement.ts";
import { createPodProjection, type PodRecord } from "../../operator/cluster/pods.ts";
import type { Finding } from "../../policy/finding/finding.ts";

const project = createPodProjection(() => new Set());

/** A pod as the cache keeps it. */
export const podRecord = (
  name: string,
  changes: { image?: string; namespace?: string; uid?: string; phase?: string; labels?: object } = {},
): PodRecord =>
  project({
    metadata: {
      name,
      namespace: changes.namespace ?? "default",
      uid: changes.uid ?? `uid-of-${name}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: changes.labels ?? {},
    },
    spec: { containers: [{ name: "main", image: changes.image ?? "nginx:1.21" }] },
    status: { phase: changes.phase ?? "Running" },
  });

/** A judgement by some policies, each with one finding. */
export const judgedBy = (...policies: readonly string[]): Judgement => policies.map((policy) => violating(policy));

export const violating = (policy: string, changes: Partial<Finding> = {}): PolicyJudgement => ({
  policy,
  policyUid: `uid-of-${policy}`,
  action: "deny",
  findings: [
    {
      policy,
      rule: "digest",
      reason: "DigestRequired",
      container: "main",
      image: "nginx:1.21",
      action: "deny",
      message: `[${policy}] container "main", image "nginx:1.21": DigestRequired: ...`,
      ...changes,
    },
  ],
});

/** A judgement, and how often somebody read what was found: each time that something was made of it. */
export function counted(one: PolicyJudgement): { readonly judgement: PolicyJudgement; readonly reads: () => number } {
  let reads = 0;
  const { findings } = one;
  const judgement = {
    ...one,
    get findings() {
      reads += 1;
      return findings;
    },
  };
  return { judgement, reads: () => reads };
}
