import { compileAdmissionRules } from "../../policy/admissionPolicies/compile.ts";
import { isInForce } from "../../policy/exceptions/compiledException.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { pairOf, type AdmissionPolicyPair } from "./generate.ts";

/** What is to stand in the API server for one policy. */
export type Wanted =
  | { readonly status: "pair"; readonly pair: AdmissionPolicyPair; readonly left: readonly string[] }
  | { readonly status: "none"; readonly reason: "RefusesNothing" | "PolicyNotReady"; readonly message: string };

/** By it objects are known as ours, and found: `kubectl get vap,vapb -l app.kubernetes.io/managed-by=image-security`. */
export const MANAGED_BY = { "app.kubernetes.io/managed-by": "image-security" } as const;

/** What every name of ours begins with; policies have no dots in theirs. */
export const NAME_PREFIX = "image-security.";

/** `wantedPairs`, worked out anew only where policies have changed or an exception has expired. */
export function createWanted(
  set: () => PolicySet | undefined,
  { excludeNamespaces, now }: { readonly excludeNamespaces: readonly string[]; readonly now: () => number },
): () => ReadonlyMap<string, Wanted> | undefined {
  let known: { readonly key: string; readonly wanted: ReadonlyMap<string, Wanted> } | undefined;
  return () => {
    const newest = set();
    if (newest === undefined) return undefined;
    const time = now();
    const key = `${newest.key} ${newest.exceptions.filter((one) => isInForce(one, time)).length}`;
    if (known?.key !== key) known = { key, wanted: wantedPairs(newest, { excludeNamespaces, now: time }) };
    return known.wanted;
  };
}

/**
 * What is to stand for each policy, by its name.
 *
 * @param now Milliseconds since the epoch.
 */
export function wantedPairs(
  { policies, exceptions }: PolicySet,
  { excludeNamespaces, now }: { readonly excludeNamespaces: readonly string[]; readonly now: number },
): ReadonlyMap<string, Wanted> {
  return new Map(
    policies.map((policy): [string, Wanted] => {
      const said = compileAdmissionRules(policy, { policies, exceptions, now });
      if (said.status === "unsaid") return [policy.name, { ...said, status: "none" }];
      const pair = pairOf(said.rules, {
        name: `${NAME_PREFIX}${policy.name}`,
        labels: { "app.kubernetes.io/name": "image-security", ...MANAGED_BY, "imagesecurity.dev/policy": policy.name },
        excludeNamespaces,
        owner: { kind: "ImageSecurityPolicy", name: policy.name, uid: policy.uid },
      });
      return [policy.name, { status: "pair", pair, left: said.left }];
    }),
  );
}
