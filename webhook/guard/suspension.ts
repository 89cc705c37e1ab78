import type { V1ValidatingWebhookConfiguration } from "@kubernetes/client-node";
import { isOwnEntry } from "../configurations/generate.ts";

/** Annotation of the ValidatingWebhookConfiguration: the operator takes its entries away and keeps away. Its value says why. */
export const SUSPENDED = "imagesecurity.dev/suspended";

/**
 * ConfigMap in the operator's namespace: the operator is being removed, takes its entries away and keeps away. Helm makes it before it deletes anything
 * (charts/image-security/templates/removal.yaml): what deletes the webhook configurations first would have them put back, and nobody would answer.
 */
export const REMOVAL = "image-security-removal";

/** What somebody wrote into the annotation; undefined where there is none, or where it says "false". */
export const suspension = (validating: V1ValidatingWebhookConfiguration | undefined): string | undefined => {
  const why = validating?.metadata?.annotations?.[SUSPENDED];
  return why === "false" ? undefined : why;
};

/** Whether the API server asks about images at all: the probe's entry alone concerns nobody. */
export const guards = (validating: V1ValidatingWebhookConfiguration | undefined, probe: string): boolean =>
  validating?.webhooks?.some((entry) => isOwnEntry(entry) && entry.name !== probe) === true;
