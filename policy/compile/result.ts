import type { PolicyFault } from "./faults.ts";

/** A part of a policy, compiled, or why it is not. */
export type Result<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "fault"; readonly fault: PolicyFault };

export const ok = <T>(value: T): Result<T> => ({ status: "ok", value });

export const fault = (reason: PolicyFault["reason"], path: string, message: string): Result<never> => ({
  status: "fault",
  fault: { reason, path, message },
});
