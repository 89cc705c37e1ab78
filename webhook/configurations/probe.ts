import type { V1MatchCondition, V1RuleWithOperations } from "@kubernetes/client-node";

/** Name of the Violation that the operator has the API server refuse, in its own namespace, as a dry run. */
export const PROBE_NAME = "image-security-probe";

/** Name of the entry by which it is asked about. */
export const PROBE_ENTRY = "probe.validate.imagesecurity.dev";

/** What the webhook refuses it with: whoever reads this in the API server's answer knows that the webhook was asked, and answered. */
export const PROBE_ANSWER = "the webhook of image-security is asked and answers";

/**
 * A Violation: a type of ours, so that nothing else in the cluster can be held up, and one that the operator may make anyway. Pods, which the
 * other entries are about, would need the right to create pods.
 */
export const PROBE_RULE: V1RuleWithOperations = {
  apiGroups: ["imagesecurity.dev"],
  apiVersions: ["v1"],
  operations: ["CREATE"],
  resources: ["violations"],
  scope: "Namespaced",
};

export const PROBE_CONDITION: V1MatchCondition = {
  name: "the-operators-own-probe",
  expression: `object.metadata.name == "${PROBE_NAME}"`,
};
