import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";

/** Every policy and exception of the cluster, compiled together. */
export interface PolicySet {
  /** In the order of their names. */
  readonly policies: readonly CompiledPolicy[];
  /** Those that audits look at. */
  readonly audited: readonly CompiledPolicy[];
  /** In the order of their names, those too that are not in force. */
  readonly exceptions: readonly CompiledException[];
  /** Equal keys: the same policies, resolved to the same keys and roots, and the same exceptions. */
  readonly key: string;
}

/**
 * Policies of `after` that are new or judge otherwise, and those of `before` that they replace or that are gone. Those too that audits do
 * not look at: they say what is covered.
 */
export function changedPolicies(before: PolicySet | undefined, after: PolicySet): readonly CompiledPolicy[] {
  const old = new Map(before?.policies.map((policy) => [policy.name, policy]));
  const changed: CompiledPolicy[] = [];
  for (const policy of after.policies) {
    const previous = old.get(policy.name);
    old.delete(policy.name);
    if (previous !== undefined && sameVersion(previous, policy)) continue;
    changed.push(policy);
    if (previous !== undefined) changed.push(previous);
  }
  return [...changed, ...old.values()];
}

export const sameVersion = (a: CompiledPolicy, b: CompiledPolicy): boolean =>
  a.uid === b.uid && a.generation === b.generation && a.key === b.key;

/** Whether a policy's verdict about the same evidence can change with the clock alone. */
export const changesWithTime = ({ rules }: CompiledPolicy): boolean =>
  rules.some(({ dependsOn }) => dependsOn.time === true);

/** Whether a policy looks at when a pod was made. */
export const looksAtAge = ({ rules }: CompiledPolicy): boolean => rules.some(({ dependsOn }) => dependsOn.age === true);

/** Keys of pod annotations that policies read. */
export const annotationKeys = (policies: readonly CompiledPolicy[]): ReadonlySet<string> =>
  new Set(policies.flatMap(({ rules }) => rules.flatMap(({ dependsOn }) => dependsOn.podAnnotations ?? [])));
