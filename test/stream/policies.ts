import type { PolicySpec } from "../../crds/types.ts";
import type { PolicySet } from "../../operator/policies/policySet.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";

/** Policies by name, compiled as the operator compiles them; nothing that they refer to exists. */
export function policySet(specs: Readonly<Record<string, PolicySpec>>, generation = 1): PolicySet {
  const policies = Object.entries(specs).map(([name, spec]) =>
    compilePolicy(
      {
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityPolicy",
        metadata: { name, uid: `uid-of-${name}`, generation },
        spec,
      },
      () => ({ status: "missing", message: "there is none" }),
    ),
  );
  return {
    policies,
    audited: policies.filter(({ audited }) => audited),
    exceptions: [],
    key: policies.map(({ name, key }) => `${name}=${key}`).join(),
  };
}
