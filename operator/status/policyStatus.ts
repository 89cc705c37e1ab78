import type { AuthorityStatus, PolicyStatus } from "../../crds/types.ts";
import type { CompiledAuthority } from "../../policy/authority.ts";
import { faultText } from "../../policy/compile/faults.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";
import { conditionsOf, type ConditionNow } from "./condition.ts";
import { timestamp } from "../../kube/timestamp.ts";
import { enforcedByApiServer, type Layer } from "../admissionPolicies/layer.ts";
import { enforcedCondition } from "./enforced.ts";

/** What the audit counted under one policy. */
export interface PolicyCounts {
  /** Pods that violate it now. */
  readonly violations: number;
  /** Pods whose every finding an exception silences. */
  readonly exempted: number;
  /** Violations that are counted and not stored. */
  readonly notStored: number;
  /** When the last complete audit under this version of the policy ended, in milliseconds since the epoch. */
  readonly auditedAt: number | undefined;
}

/** What else a status tells of. */
export interface StatusSources {
  /** Absent: what policies say themselves. */
  readonly fingerprints?: Fingerprints;
  /** Whether admission asks the webhook; absent: nobody has looked. */
  readonly guard?: GuardState;
  /** How the policy stands in the API server itself; absent: nobody keeps it there. */
  readonly layer?: Layer;
}

/** A status as a merge patch: `null` takes a field away. */
export type StatusPatch = { readonly [Name in keyof PolicyStatus]-?: PolicyStatus[Name] | null };

/**
 * The status that a policy should have. Counts are those before the first audit under this version until it has ended, so that a change
 * of a policy does not make its violations vanish for a moment.
 *
 * @param now Milliseconds since the epoch.
 */
export function policyStatus(
  policy: CompiledPolicy,
  counts: PolicyCounts,
  before: PolicyStatus,
  now: number,
  { fingerprints = literalFingerprints, guard = { status: "unknown" }, layer = "off" }: StatusSources = {},
): StatusPatch {
  const { audited, generation } = policy;
  const counted = audited && counts.auditedAt !== undefined;
  const kept = <T>(value: T, old: T | undefined): T | null => (counted ? value : audited ? (old ?? null) : null);
  const notStored = kept(counts.notStored, before.notStored);
  return {
    observedGeneration: generation,
    conditions: conditionsOf(
      [
        ...conditions(policy),
        ...enforcedCondition(policy, guard, before.conditions ?? []),
        ...enforcedByApiServer(layer, before.conditions ?? []),
      ],
      before.conditions ?? [],
      generation,
      timestamp(now),
    ),
    authorities: authorityStatuses(policy, before, fingerprints),
    overrides: policy.overriddenBy.length === 0 ? null : policy.overriddenBy.join(","),
    violations: kept(counts.violations, before.violations),
    exempted: kept(counts.exempted, before.exempted),
    // Nothing to say in the everyday case.
    notStored: notStored === 0 ? null : notStored,
    lastAuditTime: kept(timestamp(counts.auditedAt ?? 0), before.lastAuditTime),
  };
}

function conditions({ faults, advice }: CompiledPolicy): readonly ConditionNow[] {
  const [first] = faults;
  const told = [...new Set(advice.map(({ type }) => type))].map((type) => ({
    type,
    status: "True" as const,
    reason: type,
    message: advice.flatMap((one) => (one.type === type ? [one.message] : [])).join("; "),
  }));
  // `kubectl get isp -o wide` shows the message of one condition.
  const known = told.map(({ type, message }) => `${type}: ${message}`);
  const ready: ConditionNow =
    first === undefined
      ? { type: "Ready", status: "True", reason: "Compiled", message: ["the policy is compiled", ...known].join("; ") }
      : {
          type: "Ready",
          status: "False",
          reason: first.reason,
          message: [faultText(faults), ...known].join("; "),
        };
  return [ready, ...told];
}

/** The fingerprints of what an authority trusts now; undefined: not known yet, as of a key that was never fetched. */
export type Fingerprints = (authority: CompiledAuthority) => readonly string[] | undefined;

/** What a policy says itself, without keys and roots that are fetched. */
export const literalFingerprints: Fingerprints = (authority) =>
  authority.type === "key" ? authority.keys.map(({ fingerprint }) => fingerprint).toSorted() : [];

/** What is trusted right now. What is not known yet stays as it was while the policy does: a restart changes nobody's trust. */
export function authorityStatuses(
  { authorities, generation }: CompiledPolicy,
  before: PolicyStatus,
  fingerprints: Fingerprints,
): readonly AuthorityStatus[] {
  const kept = before.observedGeneration === generation ? (before.authorities ?? []) : [];
  return [...authorities.values()].map((authority) => {
    const { name } = authority;
    const prints = fingerprints(authority) ?? kept.find((one) => one.name === name)?.fingerprints ?? [];
    return prints.length === 0 ? { name } : { name, fingerprints: prints };
  });
}

/** Whose trust changed, in words. */
export interface TrustChange {
  readonly message: string;
  /** Somebody who was trusted is no longer: what only they signed is refused from now on. */
  readonly lost: boolean;
}

/** Whose trust changed between two statuses; undefined where nobody's did. New policies change nothing. */
export function trustChange(before: PolicyStatus, after: readonly AuthorityStatus[]): TrustChange | undefined {
  if (before.authorities === undefined) return undefined;
  const shown = (statuses: readonly AuthorityStatus[]): ReadonlyMap<string, string> =>
    new Map(statuses.map(({ name, fingerprints }) => [name, (fingerprints ?? []).join(", ")]));
  const [old, current] = [shown(before.authorities), shown(after)];
  const trusted = new Set(after.flatMap(({ fingerprints }) => fingerprints ?? []));
  const lost = before.authorities.some(
    ({ name, fingerprints = [] }) => !current.has(name) || fingerprints.some((print) => !trusted.has(print)),
  );
  const changes: string[] = [];
  for (const [name, prints] of current) {
    const previous = old.get(name);
    if (previous === undefined) changes.push(`${name} is trusted now${prints === "" ? "" : ` (${prints})`}`);
    // A key that was fetched for the first time is no change.
    else if (previous !== prints && previous !== "")
      changes.push(`${name} has changed from ${previous} to ${prints || "none"}`);
  }
  for (const name of old.keys()) {
    if (!current.has(name)) changes.push(`${name} is trusted no longer`);
  }
  return changes.length === 0 ? undefined : { message: changes.join("; "), lost };
}
