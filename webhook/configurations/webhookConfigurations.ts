import {
  ApiException,
  PatchStrategy,
  setHeaderOptions,
  type AdmissionregistrationV1Api,
  type V1LabelSelector,
  type V1MutatingWebhook,
  type V1MutatingWebhookConfiguration,
  type V1ValidatingWebhook,
  type V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { within } from "../../async/within.ts";
import { CONFIGURATION_NAME, isOwnEntry, LABELS } from "./generate.ts";
import { isSame, isSameSelector } from "./sameEntry.ts";

export type ConfigurationsApi = Pick<
  AdmissionregistrationV1Api,
  | "readValidatingWebhookConfiguration"
  | "createValidatingWebhookConfiguration"
  | "patchValidatingWebhookConfiguration"
  | "readMutatingWebhookConfiguration"
  | "createMutatingWebhookConfiguration"
  | "patchMutatingWebhookConfiguration"
>;

/** Both configurations as they are in the cluster. */
export interface LiveConfigurations {
  readonly validating: V1ValidatingWebhookConfiguration | undefined;
  readonly mutating: V1MutatingWebhookConfiguration | undefined;
}

/** The operator's entries as they should be; undefined leaves those of a configuration as they are. */
export interface WantedEntries {
  readonly validating: readonly V1ValidatingWebhook[] | undefined;
  readonly mutating: readonly V1MutatingWebhook[] | undefined;
}

/** Someone else wrote meanwhile: read again. */
export class ConfigurationConflict extends Error {
  override readonly name = "ConfigurationConflict";
}

/** Reads both configurations. */
export const readConfigurations = async (api: ConfigurationsApi): Promise<LiveConfigurations> => {
  const name = CONFIGURATION_NAME;
  const [validating, mutating] = await Promise.all([
    orNothing(within(api.readValidatingWebhookConfiguration({ name }))),
    orNothing(within(api.readMutatingWebhookConfiguration({ name }))),
  ]);
  return { validating, mutating };
};

/**
 * Makes the cluster hold these entries, and gives what it holds then. Writes only what differs, leaves the entries of others alone, and only
 * if nobody wrote since `live` was read: else a ConfigurationConflict.
 */
export const writeConfigurations = async (
  api: ConfigurationsApi,
  live: LiveConfigurations,
  wanted: WantedEntries,
): Promise<LiveConfigurations> => {
  const validating = writeOf(live.validating, wanted.validating);
  const mutating = writeOf(live.mutating, wanted.mutating);
  return {
    validating:
      validating === undefined
        ? live.validating
        : await orConflict(
            within(
              validating.type === "create"
                ? api.createValidatingWebhookConfiguration({
                    body: { ...named("ValidatingWebhookConfiguration"), webhooks: validating.webhooks },
                    fieldManager: MANAGER,
                  })
                : api.patchValidatingWebhookConfiguration(validating.patch, MERGE),
            ),
          ),
    mutating:
      mutating === undefined
        ? live.mutating
        : await orConflict(
            within(
              mutating.type === "create"
                ? api.createMutatingWebhookConfiguration({
                    body: { ...named("MutatingWebhookConfiguration"), webhooks: mutating.webhooks },
                    fieldManager: MANAGER,
                  })
                : api.patchMutatingWebhookConfiguration(mutating.patch, MERGE),
            ),
          ),
  };
};

const MANAGER = "image-security";
const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

const named = (
  kind: string,
): { apiVersion: string; kind: string; metadata: { name: string; labels: Record<string, string> } } => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind,
  metadata: { name: CONFIGURATION_NAME, labels: { ...LABELS } },
});

interface Configuration<Entry> {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly webhooks?: readonly Entry[];
}

type Write<Entry> =
  | { readonly type: "create"; readonly webhooks: Entry[] }
  | { readonly type: "patch"; readonly patch: { name: string; fieldManager: string; body: object } };

/** What has to be written; undefined where nothing has. */
const writeOf = <Entry extends { name: string; namespaceSelector?: V1LabelSelector }>(
  live: Configuration<Entry> | undefined,
  wanted: readonly Entry[] | undefined,
): Write<Entry> | undefined => {
  if (wanted === undefined) return undefined;
  if (live === undefined) return wanted.length === 0 ? undefined : { type: "create", webhooks: [...wanted] };
  const present = live.webhooks ?? [];
  const ours = present.filter(isOwnEntry);
  const holds = (entry: Entry): boolean => ours.some((one) => one.name === entry.name && isSameEntry(one, entry));
  if (ours.length === wanted.length && wanted.every(holds)) return undefined;
  return {
    type: "patch",
    patch: {
      name: CONFIGURATION_NAME,
      fieldManager: MANAGER,
      // The whole list: a merge by name could not take away a selector or a condition that somebody added. The version makes the API server
      // refuse a patch of what has changed since it was read, so that the entries of others are as they were.
      body: {
        metadata: { resourceVersion: live.metadata?.resourceVersion },
        webhooks: [...wanted, ...present.filter((entry) => !isOwnEntry(entry))],
      },
    },
  };
};

const isSameEntry = (
  { namespaceSelector: one, ...live }: { namespaceSelector?: V1LabelSelector },
  { namespaceSelector: other, ...wanted }: { namespaceSelector?: V1LabelSelector },
): boolean => isSameSelector(one, other) && isSame(live, wanted);

const orNothing = async <T>(call: Promise<T>): Promise<T | undefined> => {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw error;
  }
};

const orConflict = async <T>(call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiException && (error.code === 409 || error.code === 404))
      throw new ConfigurationConflict("the webhook configuration was changed by someone else", { cause: error });
    throw error;
  }
};
