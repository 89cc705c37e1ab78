import { fieldsOf, listOf, textOf } from "../json/fields.ts";

/**
 * Why the API server refuses a write however often it is sent. `namespaceGone`: nothing is made in a namespace that is not
 * there or is being deleted. `invalid`: it takes no object of this content.
 */
export type Refusal = "namespaceGone" | "invalid";

/** The refusal that an answer stands for; undefined where the same write may succeed later, once rights or a CRD are there. */
export function refusalOf({ status, body }: { readonly status: number; readonly body: unknown }): Refusal | undefined {
  const details = fieldsOf(fieldsOf(body)["details"]);
  switch (status) {
    case 403: {
      // k8s.io/api core/v1, NamespaceTerminatingCause. Other refusals of this status end when a right is given.
      const reasons = listOf(details["causes"]).map((cause) => textOf(fieldsOf(cause)["reason"]));
      return reasons.includes("NamespaceTerminating") ? "namespaceGone" : undefined;
    }
    case 404:
      // That a resource is not served is a 404 as well, and ends when its CRD is installed.
      return textOf(details["kind"]) === "namespaces" ? "namespaceGone" : undefined;
    case 422:
      return "invalid";
    default:
      return undefined;
  }
}
