import type { CompiledPolicy } from "../compiledPolicy.ts";
import { readReference } from "./dataSource.ts";
import type { FieldFaults } from "./faults.ts";
import type { Resolve } from "./resolve.ts";

/** The key of a Secret of type `kubernetes.io/dockerconfigjson`. */
const KEY = ".dockerconfigjson";

/**
 * The pull secrets that a policy lends. They resolve as keys do, so only from trusted namespaces; one that cannot be
 * had makes the policy not Ready, and what needed it is then unauthorised.
 */
export function compileCredentials(
  secrets: readonly { readonly namespace: string; readonly name: string }[],
  resolve: Resolve,
  faults: FieldFaults,
): CompiledPolicy["credentials"] {
  return secrets.flatMap((secret, index) => {
    const read = readReference("Secret", { ...secret, key: KEY }, faults.at(index).path, resolve);
    if (read.status === "ok") return [{ dockerConfig: read.text }];
    faults.include(read.fault);
    return [];
  });
}
