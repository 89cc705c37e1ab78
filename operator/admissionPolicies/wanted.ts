import { compileAdmissionRules, type AdmissionRulesContext } from "../../policy/admissionPolicies/compile.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { isInForce, type CompiledException } from "../../policy/exceptions/compiledException.ts";
import { mayPin } from "../../policy/tagState.ts";
import { MANAGED_BY } from "../cluster/managedBy.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { pairOf, type AdmissionPolicyPair } from "./generate.ts";

/** What is to stand in the API server for one policy. */
export type Wanted =
  | { readonly status: "pair"; readonly pair: AdmissionPolicyPair; readonly left: readonly string[] }
  | {
      readonly status: "none";
      readonly reason: "RefusesNothing" | "PolicyNotReady" | "TooLarge";
      readonly message: string;
    };

/** What every name of ours begins with; policies have no dots in theirs. */
export const NAME_PREFIX = "image-security.";

export interface WantedOptions {
  /** What the webhook leaves out. */
  readonly excludeNamespaces: readonly string[];
  /** What is no image in a template; `SubjectPlace.placeholders`. Absent: nothing. */
  readonly placeholders?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What is to stand for each policy, by its name; worked out anew only for those of which something has changed. */
export function createWanted(
  set: () => PolicySet | undefined,
  { excludeNamespaces, placeholders = [], now }: WantedOptions,
): () => ReadonlyMap<string, Wanted> | undefined {
  let known = new Map<string, { readonly key: string; readonly wanted: Wanted }>();
  let knownFor = "";
  return () => {
    const newest = set();
    if (newest === undefined) return undefined;
    const context = { ...newest, placeholders, now: now() };
    const shared = keyOfAll(context);
    if (shared !== knownFor) known = new Map();
    knownFor = shared;
    known = new Map(
      newest.policies.map((policy) => {
        const key = keyOf(policy);
        const before = known.get(policy.name);
        return [
          policy.name,
          before?.key === key ? before : { key, wanted: wantedOf(policy, context, excludeNamespaces) },
        ];
      }),
    );
    return new Map(Array.from(known, ([name, { wanted }]) => [name, wanted]));
  };
}

function wantedOf(
  policy: CompiledPolicy,
  context: AdmissionRulesContext,
  excludeNamespaces: readonly string[],
): Wanted {
  const said = compileAdmissionRules(policy, context);
  if (said.status === "unsaid") return { ...said, status: "none" };
  const pair = pairOf(said.rules, {
    name: `${NAME_PREFIX}${policy.name}`,
    labels: { "app.kubernetes.io/name": "image-security", ...MANAGED_BY, "imagesecurity.dev/policy": policy.name },
    excludeNamespaces,
    owner: { kind: "ImageSecurityPolicy", name: policy.name, uid: policy.uid },
  });
  return { status: "pair", pair, left: said.left };
}

/** All that the rules of every policy are made of besides itself: the policies whose pins excuse tags, the exceptions in force. */
const keyOfAll = ({ policies, exceptions, now }: AdmissionRulesContext): string =>
  [...policies.filter(mayPin), ...exceptions.filter((one) => isInForce(one, now))].map(keyOf).join("\n");

const keyOf = ({ name, uid, generation, key }: CompiledPolicy | CompiledException): string =>
  `${name} ${uid} ${generation} ${key}`;
