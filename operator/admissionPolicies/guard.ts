import { CONFIGURATION_NAME } from "../../webhook/configurations/generate.ts";
import { allOf, anyOf, isOneOf, text, texts } from "../../policy/admissionPolicies/cel.ts";
import { API_VERSION, BINDING_KIND, POLICY_KIND, type AdmissionPolicyPair } from "./generate.ts";
import { NAME_PREFIX } from "./wanted.ts";

export interface GuardOptions {
  readonly name: string;
  /** Whose members may change what is guarded. */
  readonly groups: readonly string[];
  /** `NAMESPACE:NAME` of the operator's ServiceAccount. */
  readonly serviceAccount: string;
}

const REGISTRATION = "admissionregistration.k8s.io";
const WEBHOOKS = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
const GENERATED = ["validatingadmissionpolicies", "validatingadmissionpolicybindings"];
const COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector";

/** Who deletes a collection names no object: the old one has the name. */
const NAME = `(request.operation == "DELETE" ? oldObject : object).metadata.name`;

/**
 * A policy over what this product consists of: only the groups may change it (design.md section 14). It works from a
 * file alone: policies that stand in the API server are not asked about each other. Updates of status are not matched.
 */
export function guardPair({ name, groups, serviceAccount }: GuardOptions): AdmissionPolicyPair {
  const isGenerated = isOneOf("request.resource.resource", GENERATED);
  return {
    policy: {
      apiVersion: API_VERSION,
      kind: POLICY_KIND,
      metadata: { name },
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          matchPolicy: "Equivalent",
          resourceRules: [
            {
              apiGroups: ["imagesecurity.dev"],
              apiVersions: ["*"],
              operations: ["CREATE", "UPDATE", "DELETE"],
              resources: ["imagesecuritypolicies", "imagesecurityexceptions", "imagerevocations"],
            },
            {
              apiGroups: [REGISTRATION],
              apiVersions: ["*"],
              operations: ["CREATE", "UPDATE", "DELETE"],
              resources: [...WEBHOOKS, ...GENERATED],
            },
            {
              apiGroups: ["apiextensions.k8s.io"],
              apiVersions: ["*"],
              operations: ["UPDATE", "DELETE"],
              resources: ["customresourcedefinitions"],
            },
          ],
        },
        matchConditions: [
          {
            name: "guarded",
            expression: anyOf([
              `request.resource.group == "imagesecurity.dev"`,
              `${isOneOf("request.resource.resource", WEBHOOKS)} && ${NAME} == ${text(CONFIGURATION_NAME)}`,
              `${isGenerated} && ${NAME}.startsWith(${text(NAME_PREFIX)})`,
              `request.resource.resource == "customresourcedefinitions" && ${NAME}.endsWith(".imagesecurity.dev")`,
            ]),
          },
        ],
        variables: [
          { name: "member", expression: `request.userInfo.groups.exists(group, group in ${texts(groups)})` },
          {
            // It keeps its entries in the configurations, and its policies, and nothing else.
            name: "operator",
            expression: allOf([
              `request.userInfo.username == ${text(`system:serviceaccount:${serviceAccount}`)}`,
              anyOf([
                `${isOneOf("request.resource.resource", WEBHOOKS)} && request.operation != "DELETE"`,
                isGenerated,
              ]),
            ]),
          },
          {
            // What goes with its policy, which is guarded itself.
            name: "collector",
            expression: `request.userInfo.username == ${text(COLLECTOR)} && request.operation == "DELETE" && ${isGenerated}`,
          },
        ],
        validations: [
          {
            expression: "variables.member || variables.operator || variables.collector",
            messageExpression:
              `"[guard] " + request.resource.resource + " " + ${NAME} + " is part of image-security, which only members of ` +
              `${groups.map(quoted).join(", ")} may change"`,
            message: "[guard] part of image-security, which only members of some groups may change",
            reason: "Forbidden",
          },
        ],
      },
    },
    binding: {
      apiVersion: API_VERSION,
      kind: BINDING_KIND,
      metadata: { name },
      spec: { policyName: name, validationActions: ["Deny"] },
    },
  };
}

/** In a CEL string. */
function quoted(value: string): string {
  return value.replaceAll(/["\\]/g, String.raw`\$&`);
}
