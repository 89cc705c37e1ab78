import type { V1ValidatingAdmissionPolicyBindingSpec, V1ValidatingAdmissionPolicySpec } from "@kubernetes/client-node";
import type { AdmissionRules } from "../../policy/admissionPolicies/compile.ts";
import { excluding } from "../../webhook/configurations/generate.ts";
import { SHAPES } from "../../webhook/configurations/shapes.ts";

/** A ValidatingAdmissionPolicy and its binding, of one name. */
export interface AdmissionPolicyPair {
  readonly policy: GeneratedObject<V1ValidatingAdmissionPolicySpec>;
  readonly binding: GeneratedObject<V1ValidatingAdmissionPolicyBindingSpec>;
}

export interface GeneratedObject<Spec> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
  };
  readonly spec: Spec;
}

export interface PairOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of the namespaces that the webhook leaves out, too. */
  readonly excludeNamespaces: readonly string[];
  /** What it goes with; absent in files. */
  readonly owner?: { readonly kind: string; readonly name: string; readonly uid: string };
}

export const API_VERSION = "admissionregistration.k8s.io/v1";
export const POLICY_KIND = "ValidatingAdmissionPolicy";
export const BINDING_KIND = "ValidatingAdmissionPolicyBinding";

/**
 * The objects for what was said in CEL. `failurePolicy: Ignore`: where an expression fails, such as by its cost, the
 * answer is the webhook's, and nothing is refused that it would admit.
 */
export function pairOf(
  rules: AdmissionRules,
  { name, labels, excludeNamespaces, owner }: PairOptions,
): AdmissionPolicyPair {
  const metadata = {
    name,
    labels: { ...labels },
    ...(owner === undefined
      ? {}
      : {
          ownerReferences: [
            { apiVersion: "imagesecurity.dev/v1", ...owner, controller: true, blockOwnerDeletion: false },
          ],
        }),
  };
  const { expression, messageExpression, message } = rules.validation;
  return {
    policy: {
      apiVersion: API_VERSION,
      kind: POLICY_KIND,
      metadata,
      spec: {
        failurePolicy: "Ignore",
        matchConstraints: {
          matchPolicy: "Equivalent",
          namespaceSelector: excluding(excludeNamespaces),
          resourceRules: SHAPES.flatMap(({ rules: own }) => [...own]),
        },
        matchConditions: rules.matchConditions.map((condition) => ({ ...condition })),
        variables: rules.variables.map((variable) => ({ ...variable })),
        validations: [{ expression, messageExpression, message, reason: "Forbidden" }],
      },
    },
    binding: {
      apiVersion: API_VERSION,
      kind: BINDING_KIND,
      metadata,
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  };
}
