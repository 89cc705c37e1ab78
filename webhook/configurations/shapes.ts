import type { V1RuleWithOperations } from "@kubernetes/client-node";

/** Objects whose images stand in the same place: each shape has a webhook entry of its own, because its matchConditions differ. */
export interface Shape {
  /** First label of the entry's name. */
  readonly name: "pods" | "workloads" | "cronjobs";
  readonly rules: readonly V1RuleWithOperations[];
  /** CEL field path from the object to the pod or pod template, optional from the first step that may be missing. */
  readonly pod: string;
}

const rule = (apiGroup: string, resources: readonly string[]): V1RuleWithOperations => ({
  apiGroups: [apiGroup],
  apiVersions: ["v1"],
  operations: ["CREATE", "UPDATE"],
  resources: [...resources],
  scope: "Namespaced",
});

/**
 * All that admission judges (design.md section 4). Other subresources cannot change an image: `scale` and `resize` touch
 * numbers, `status` keeps the specification.
 */
export const SHAPES: readonly Shape[] = [
  { name: "pods", rules: [rule("", ["pods", "pods/ephemeralcontainers"])], pod: "" },
  {
    name: "workloads",
    rules: [
      rule("", ["replicationcontrollers"]),
      rule("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
      rule("batch", ["jobs"]),
    ],
    // The template of a ReplicationController may be missing.
    pod: ".spec.?template",
  },
  { name: "cronjobs", rules: [rule("batch", ["cronjobs"])], pod: ".spec.jobTemplate.spec.?template" },
];
