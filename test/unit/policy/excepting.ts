import type { ExceptionSpec } from "../../../crds/types.ts";
import { compileException, type ExceptionBounds } from "../../../policy/exceptions/compileException.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import { NOW } from "./judging.ts";

export const DAY: number = 86_400_000;

export const BOUNDS: ExceptionBounds = { maxDuration: 90 * DAY, now: NOW };

export const at = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** An exception from every rule of every policy, everywhere, for a month from `NOW` on; `spec` may be any value, for what is wrong. */
export function exception(
  spec: Partial<ExceptionSpec> | Readonly<Record<string, unknown>> = {},
  name = "e",
  bounds: ExceptionBounds = BOUNDS,
): CompiledException {
  return compileException(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name, uid: `uid-${name}`, generation: 1, creationTimestamp: at(NOW) },
      spec: {
        policies: ["*"],
        rules: ["All"],
        match: { namespaces: ["*"] },
        reason: "a test",
        expires: at(NOW + 30 * DAY),
        ...spec,
      },
    },
    bounds,
  );
}
