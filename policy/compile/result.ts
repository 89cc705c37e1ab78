import type { PolicyFault } from "./faults.ts";

/** A part of a policy, compiled, or why it is not. */
export type Result<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "fault"; readonly fault: PolicyFault };

/** What compiled. */
export function ok<T>(value: T): Result<T> {
  return { status: "ok", value };
}

/** What did not, with the path of the field. */
export function fault(reason: PolicyFault["reason"], path: string, message: string): Result<never> {
  return {
    status: "fault",
    fault: { reason, path, message },
  };
}
