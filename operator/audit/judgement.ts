import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Decision } from "../../policy/finding/decision.ts";
import type { EnforcementAction, Finding } from "../../policy/finding/finding.ts";
import { refusesAnew, type MadeAnew } from "../../policy/madeAnew.ts";

/** What an audit says about one pod under one policy that it violates. Shared between pods of the same content. */
export interface PolicyJudgement {
  readonly policy: string;
  readonly policyUid: string;
  /** The one in force in the namespace; `exempted` where exceptions silence every finding. */
  readonly action: EnforcementAction | "exempted";
  readonly findings: readonly Finding[];
  /** Admission would refuse the pod for it if it were made anew. */
  readonly refusesAnew?: true;
}

/** Everything that is wrong with a pod, by policy, in their order. Empty: nothing is. */
export type Judgement = readonly PolicyJudgement[];

export const CLEAN: Judgement = Object.freeze([]);

/**
 * Sorts a decision's findings by policy. A policy whose findings are all settled as `allow` (onUnavailable: allow) is not violated:
 * that is what its author said; the metrics count what was unavailable.
 */
export function judgementOf(decision: Decision, policies: readonly CompiledPolicy[], madeAnew: MadeAnew): Judgement {
  const { namespace, namespaceLabels } = madeAnew.subject;
  if (decision.findings.length === 0) return CLEAN;
  const judgements: PolicyJudgement[] = [];
  for (const policy of policies) {
    const findings = decision.findings.filter((finding) => finding.policy === policy.name);
    if (findings.every(({ action }) => action === "allow")) continue;
    const exempted = findings.every((finding) => finding.exempted !== undefined || finding.action === "allow");
    judgements.push({
      policy: policy.name,
      policyUid: policy.uid,
      action: exempted ? "exempted" : policy.actionIn(namespace, namespaceLabels),
      findings,
      ...(findings.some((finding) => refusesAnew(finding, policy, madeAnew)) ? { refusesAnew: true } : {}),
    });
  }
  return judgements.length === 0 ? CLEAN : judgements;
}
