import type { V1PolicyRule } from "@kubernetes/client-node";
import type { Cluster } from "../harness/cluster.ts";
import { decisionOf, type AuditEvent } from "./auditLog.ts";
import { OWN } from "./installed.ts";

/** One verb on one resource that a role gives. */
export interface Grant {
  readonly role: string;
  /** Absent in a ClusterRole that is bound in the whole cluster. */
  readonly namespace?: string;
  readonly group: string;
  /** With its subresource. */
  readonly resource: string;
  readonly verb: string;
  /** Of the object, where the rule names some. */
  readonly name?: string;
}

interface Bound {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

/** All that RBAC gives to the operator's ServiceAccount. */
export async function grantsOf(cluster: Cluster): Promise<readonly Grant[]> {
  const get = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse((await cluster.kubectl("get", "-o", "json", ...args)).stdout) as T;
  const { items } = await get<{ items: readonly Bound[] }>("clusterrolebindings,rolebindings", "-A");
  const ours = items.filter(({ subjects = [] }) =>
    subjects.some((one) => one.kind === "ServiceAccount" && one.name === "image-security" && one.namespace === OWN),
  );
  const grants = ours.map(async ({ metadata: { namespace }, roleRef }) => {
    const where = roleRef.kind === "Role" ? ["-n", namespace ?? ""] : [];
    const { rules } = await get<{ rules: readonly V1PolicyRule[] }>(roleRef.kind.toLowerCase(), roleRef.name, ...where);
    return rules.flatMap((rule) => expand(roleRef.name, namespace, rule));
  });
  return (await Promise.all(grants)).flat();
}

const expand = (role: string, namespace: string | undefined, rule: V1PolicyRule): readonly Grant[] =>
  (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      rule.verbs.flatMap((verb) =>
        (rule.resourceNames ?? [undefined]).map((name) => ({
          role,
          group,
          resource,
          verb,
          ...(namespace === undefined ? {} : { namespace }),
          ...(name === undefined ? {} : { name }),
        })),
      ),
    ),
  );

/** Whether a request used a grant. */
export const uses = (event: AuditEvent, { group, resource, verb, namespace, name }: Grant): boolean => {
  const { objectRef: of } = event;
  if (of === undefined || decisionOf(event) !== "allow") return false;
  const whole = of.subresource === undefined ? of.resource : `${of.resource}/${of.subresource}`;
  return (
    (of.apiGroup ?? "") === group &&
    whole === resource &&
    event.verb === verb &&
    (namespace === undefined || of.namespace === namespace) &&
    (name === undefined || of.name === name)
  );
};

/** As people read it. */
export const told = ({ role, namespace, group, resource, verb, name }: Grant): string =>
  [role, verb, `${resource}${group === "" ? "" : `.${group}`}${name === undefined ? "" : `/${name}`}`]
    .concat(namespace === undefined ? [] : [`in ${namespace}`])
    .join(" ");
