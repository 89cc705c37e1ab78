import { asObject, listOf, textOf, type JsonObject } from "../../json/fields.ts";

/** `admission.k8s.io/v1`, as far as it is read and written here; everything that arrives is checked before it is believed. */

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

export interface UserInfo {
  readonly username: string;
  readonly groups: readonly string[];
}

export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: GroupVersionKind;
  /** undefined: the sender left it out, as hand-written reviews do. */
  readonly resource: GroupVersionResource | undefined;
  readonly subResource: string;
  /** Empty while an object with `generateName` has no name yet. */
  readonly name: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly operation: string;
  readonly userInfo: UserInfo;
  readonly object: JsonObject | undefined;
  readonly oldObject: JsonObject | undefined;
  readonly dryRun: boolean;
}

export type ParsedReview =
  | { readonly status: "ok"; readonly request: AdmissionRequest }
  /** Not an AdmissionReview v1: answered by an HTTP 400, so that `failurePolicy` decides. */
  | { readonly status: "malformed"; readonly message: string };

const malformed = (message: string): ParsedReview => ({ status: "malformed", message });

const REVIEW_VERSION = "admission.k8s.io/v1";

/** Reads the body of a webhook call. Lenient where the API server always writes a field and its absence loosens nothing. */
export const parseReview = (body: string): ParsedReview => {
  let review: JsonObject | undefined;
  try {
    review = asObject(JSON.parse(body));
  } catch {
    return malformed("the body is not JSON");
  }
  if (review?.["kind"] !== "AdmissionReview" || review["apiVersion"] !== REVIEW_VERSION)
    return malformed(`the body is not an AdmissionReview of ${REVIEW_VERSION}`);
  const request = asObject(review["request"]);
  if (request === undefined) return malformed("the AdmissionReview has no request");

  const { uid, operation } = request;
  const kind = asObject(request["kind"]);
  const resource = asObject(request["resource"]);
  const userInfo = asObject(request["userInfo"]);
  if (typeof uid !== "string" || uid === "") return malformed("request.uid is missing");
  if (typeof operation !== "string") return malformed("request.operation is missing");
  if (kind === undefined || textOf(kind["kind"]) === "") return malformed("request.kind is missing");

  return {
    status: "ok",
    request: {
      uid,
      operation,
      kind: { group: textOf(kind["group"]), version: textOf(kind["version"]), kind: textOf(kind["kind"]) },
      resource: resource && {
        group: textOf(resource["group"]),
        version: textOf(resource["version"]),
        resource: textOf(resource["resource"]),
      },
      subResource: textOf(request["subResource"]),
      name: textOf(request["name"]),
      namespace: textOf(request["namespace"]),
      userInfo: { username: textOf(userInfo?.["username"]), groups: strings(userInfo?.["groups"]) },
      object: asObject(request["object"]),
      oldObject: asObject(request["oldObject"]),
      dryRun: request["dryRun"] === true,
    },
  };
};

const strings = (value: unknown): readonly string[] => listOf(value).filter((entry) => typeof entry === "string");
