import type { PolicySpec } from "../../../../crds/types.ts";
import { compilePolicy } from "../../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../../policy/compiledPolicy.ts";

/** A compiled policy with this specification; its Secrets and ConfigMaps are all missing. */
export const policy = (name: string, spec: PolicySpec): CompiledPolicy =>
  compilePolicy(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name, uid: `uid-${name}`, generation: 1 },
      spec,
    },
    () => ({ status: "missing", message: "there is no such object" }),
  );
