/** The answer to one admission request, in the words of controller-runtime: allowed, denied, errored. */
export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: {
    readonly status: "Failure";
    readonly code: number;
    readonly reason: "Forbidden" | "BadRequest";
    readonly message: string;
  };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly patchType?: "JSONPatch";
  /** Base64 of the JSON patch. */
  readonly patch?: string;
}

type Extras = Pick<AdmissionResponse, "warnings" | "auditAnnotations" | "patch" | "patchType">;

/** The request may pass. */
export const allowed = (uid: string, extras?: Extras): AdmissionResponse => ({ uid, allowed: true, ...extras });

/** Policies refuse the request. kubectl prints `message` after the webhook's name. */
export const denied = (uid: string, message: string, extras?: Extras): AdmissionResponse => ({
  uid,
  allowed: false,
  status: { status: "Failure", code: 403, reason: "Forbidden", message },
  ...extras,
});

/** The request says something that cannot be judged, such as a Pod without an object. Never allowed, whatever `failurePolicy` says. */
export const unjudgeable = (uid: string, message: string): AdmissionResponse => ({
  uid,
  allowed: false,
  status: { status: "Failure", code: 400, reason: "BadRequest", message: `image-security: ${message}` },
});

/** The body of the HTTP 200 that carries a response. */
export const encodeResponse = (response: AdmissionResponse): string =>
  `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":${JSON.stringify(response)}}`;
