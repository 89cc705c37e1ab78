import type { V1ValidatingWebhookConfiguration } from "@kubernetes/client-node";
import { isOwnEntry } from "../configurations/generate.ts";

/** Annotation of the ValidatingWebhookConfiguration: the operator takes its entries away and keeps away. Its value says why. */
export const SUSPENDED = "imagesecurity.dev/suspended";

/** What somebody wrote into the annotation; undefined where there is none, or where it says "false". */
export const suspension = (validating: V1ValidatingWebhookConfiguration | undefined): string | undefined => {
  const why = validating?.metadata?.annotations?.[SUSPENDED];
  return why === "false" ? undefined : why;
};

/** Whether the API server asks about images at all: the probe's entry alone concerns nobody. */
export const guards = (validating: V1ValidatingWebhookConfiguration | undefined, probe: string): boolean =>
  validating?.webhooks?.some((entry) => isOwnEntry(entry) && entry.name !== probe) === true;
