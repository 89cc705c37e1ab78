import { fieldsOf, textOf } from "../../json/fields.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import type { AdmissionPolicyPair } from "../../operator/admissionPolicies/generate.ts";
import { UsageError } from "../exitCode.ts";

const COLLECTION = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";

/**
 * Has the cluster's API server compile what is to be written, as a dry run under other names: those of files nobody can
 * make. Rejects with a UsageError where one of them is refused.
 */
export const validateByServer = async (client: KubeClient, pairs: readonly AdmissionPolicyPair[]): Promise<void> => {
  for (const { policy, binding } of pairs) {
    const name = `export-${policy.metadata.name.replace(/\.static\.k8s\.io$/, "")}`;
    const objects = [
      ["ies", { ...policy, metadata: { name } }],
      ["ybindings", { ...binding, metadata: { name }, spec: { policyName: name, validationActions: ["Deny"] } }],
    ] as const;
    for (const [rest, body] of objects) {
      const { status, body: answer } = await client
        .request("POST", `${COLLECTION}${rest}`, { body, query: { dryRun: "All" } })
        .catch((error: unknown) => {
          throw new UsageError("what would be written could not be validated", { cause: error });
        });
      if (status === 201) continue;
      const message = textOf(fieldsOf(answer)["message"]) || `HTTP ${status}`;
      throw new UsageError(
        status === 403
          ? `what would be written is validated as a dry run, and the kubeconfig's user may not do that: ${message}`
          : `the API server would not take ${policy.metadata.name}, and nothing is written: ${message}`,
      );
    }
  }
};
