import type { CompiledPolicy, PolicyFault } from "../compiledPolicy.ts";
import { readReference } from "./dataSource.ts";
import type { Resolve } from "./resolve.ts";

/** The key of a Secret of type `kubernetes.io/dockerconfigjson`. */
const KEY = ".dockerconfigjson";

/**
 * The pull secrets that a policy lends. They resolve as keys do, so only from trusted namespaces; one that cannot be had makes the policy
 * not Ready, and what needed it is then unauthorised.
 */
export function compileCredentials(
  secrets: readonly { readonly namespace: string; readonly name: string }[],
  resolve: Resolve,
): { readonly credentials: CompiledPolicy["credentials"]; readonly faults: readonly PolicyFault[] } {
  const read = secrets.map((secret, index) =>
    readReference("Secret", { ...secret, key: KEY }, `spec.registryCredentials.secretRefs[${index}]`, resolve),
  );
  return {
    credentials: read.flatMap((one) => (one.status === "ok" ? [{ dockerConfig: one.text }] : [])),
    faults: read.flatMap((one) => (one.status === "fault" ? [one.fault] : [])),
  };
}
