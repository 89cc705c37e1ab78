import type { AdmissionResponse } from "./admissionResponse.ts";
import type { AdmissionRequest } from "./admissionReview.ts";

/**
 * Answers one request before `signal` fires. Throws or rejects where it cannot tell: the endpoint makes an HTTP 5xx of
 * that, never an answer that allows. Synchronous where nothing has to be waited for.
 * `traceparent` is the caller's W3C trace context, as it sent it.
 */
export type Handler = (
  request: AdmissionRequest,
  signal: AbortSignal,
  traceparent?: string,
) => AdmissionResponse | Promise<AdmissionResponse>;
