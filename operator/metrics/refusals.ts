import { Counter, type Registry } from "prom-client";
import type { Finding } from "../../policy/finding/finding.ts";

/** The namespaces that there are; undefined: no metric is to name one. */
export type NamespaceNames = { readonly has: (name: string) => boolean } | undefined;

/** What admission refused, by policy, namespace and reason. */
export interface RefusalMetrics {
  readonly count: (findings: readonly Finding[], namespace: string, names: NamespaceNames) => void;
  /** Takes away the series of namespaces and of policies that are gone: before every scrape. */
  readonly forget: (names: NamespaceNames, policies: ReadonlySet<string>) => Promise<void>;
}

/** In place of a namespace that nobody knows: whoever reaches the webhook could write any name. */
const OTHER = "other";

/**
 * A counter of its own, not one more label of the others: namespaces times kinds, operations and rules would be more
 * series than anybody wants to keep.
 */
export function createRefusalMetrics(registers: Registry[]): RefusalMetrics {
  const refusals = new Counter({
    name: "image_security_refusals_total",
    help: "Findings that refused a request, without those of dry runs; namespaces and policies that are gone are left out.",
    labelNames: ["policy", "namespace", "reason"],
    registers,
  });
  return {
    count: (findings, namespace, names) => {
      const labels = names === undefined ? {} : { namespace: names.has(namespace) ? namespace : OTHER };
      for (const [{ policy, reason }, count] of byPolicyAndReason(findings))
        refusals.inc({ policy, reason, ...labels }, count);
    },
    forget: async (names, policies) => {
      await forgetPolicies(refusals, policies);
      for (const { labels } of (await refusals.get()).values) {
        const { namespace } = labels;
        if (typeof namespace === "string" && namespace !== OTHER && names?.has(namespace) !== true)
          refusals.remove(labels);
      }
    },
  };
}

/** Takes away the series of policies that are gone: policies whose names change with what they say would leave theirs behind each time. */
export async function forgetPolicies(counter: Counter, policies: ReadonlySet<string>): Promise<void> {
  for (const { labels } of (await counter.get()).values)
    if (!policies.has(String(labels["policy"]))) counter.remove(labels);
}

/** Those that refuse, alike ones as one with their number: an object may have thousands, of few kinds. */
export function byPolicyAndReason(findings: readonly Finding[]): readonly (readonly [Finding, number])[] {
  const denials = findings.filter(({ action, exempted }) => action === "deny" && exempted === undefined);
  const groups = Map.groupBy(denials, ({ policy, reason }) => `${policy} ${reason}`);
  return [...groups.values()].flatMap(([first, ...rest]) => (first === undefined ? [] : [[first, rest.length + 1]]));
}
