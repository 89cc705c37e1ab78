import { kindLabel } from "../review/admissionKinds.ts";
import type { AdmissionResponse } from "../review/admissionResponse.ts";
import type { Handler } from "../review/handler.ts";
import type { AdmissionMetrics } from "../metrics.ts";

const OPERATIONS: ReadonlySet<string> = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);

/** Counts and times what a handler answers; what it throws counts as `error`. */
export const measured =
  (handle: Handler, metrics: AdmissionMetrics): Handler =>
  (request, signal, traceparent) => {
    const started = performance.now();
    const record = (decision: string): void => {
      const operation = OPERATIONS.has(request.operation) ? request.operation : "other";
      metrics.admission(kindLabel(request), operation, decision, (performance.now() - started) / 1_000);
    };
    const answered = (response: AdmissionResponse): AdmissionResponse => {
      record(decisionOf(response));
      return response;
    };
    const failed = (error: unknown): never => {
      record("error");
      throw error;
    };
    try {
      const response = handle(request, signal, traceparent);
      return response instanceof Promise ? response.then(answered, failed) : answered(response);
    } catch (error) {
      return failed(error);
    }
  };

const decisionOf = ({ allowed, status, warnings }: AdmissionResponse): string => {
  if (allowed) return warnings === undefined ? "allow" : "warn";
  return status?.code === 403 ? "deny" : "error";
};
