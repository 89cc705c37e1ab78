import {
  ApiException,
  PatchStrategy,
  setHeaderOptions,
  type AdmissionregistrationV1Api,
  type V1MutatingWebhookConfiguration,
  type V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { within } from "../../async/within.ts";
import {
  CONFIGURATION_NAME,
  mutatingConfiguration,
  validatingConfiguration,
  type GenerateOptions,
} from "./generate.ts";
import { entryPatch } from "./ownFields.ts";

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
 * Makes the cluster hold what the code needs, and gives what it holds then. Writes only what differs, only its own
 * fields, and only if nobody wrote since `live` was read: else a ConfigurationConflict.
 *
 * @param pins whether a Ready policy pins; undefined, while that is not known, leaves the mutating entries alone.
 */
export const writeConfigurations = async (
  api: ConfigurationsApi,
  live: LiveConfigurations,
  options: GenerateOptions,
  pins: boolean | undefined,
): Promise<LiveConfigurations> => ({
  validating: await writeValidating(api, live.validating, options),
  mutating: await writeMutating(api, live, options, pins),
});

const writeValidating = async (
  api: ConfigurationsApi,
  live: V1ValidatingWebhookConfiguration | undefined,
  options: GenerateOptions,
): Promise<V1ValidatingWebhookConfiguration> => {
  const wanted = validatingConfiguration(options);
  if (live === undefined)
    return await orConflict(within(api.createValidatingWebhookConfiguration({ body: wanted, fieldManager: MANAGER })));
  const patch = patchOf(live, diff(wanted.webhooks, live.webhooks));
  return patch === undefined
    ? live
    : await orConflict(within(api.patchValidatingWebhookConfiguration(patch, STRATEGIC)));
};

const writeMutating = async (
  api: ConfigurationsApi,
  { validating, mutating }: LiveConfigurations,
  options: GenerateOptions,
  pins: boolean | undefined,
): Promise<V1MutatingWebhookConfiguration | undefined> => {
  const whole = mutatingConfiguration(options, validating);
  const entries = whole.webhooks ?? [];
  if (mutating === undefined) {
    if (pins !== true) return undefined;
    return await orConflict(within(api.createMutatingWebhookConfiguration({ body: whole, fieldManager: MANAGER })));
  }
  const present = mutating.webhooks ?? [];
  const ours = entries.filter(({ name }) => present.some((entry) => entry.name === name));
  const patch = patchOf(
    mutating,
    pins === false
      ? ours.map(({ name }) => ({ $patch: "delete", name }))
      : diff(pins === true ? entries : ours, present),
  );
  return patch === undefined
    ? mutating
    : await orConflict(within(api.patchMutatingWebhookConfiguration(patch, STRATEGIC)));
};

const MANAGER = "image-security";
const STRATEGIC = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);

type Entries = V1ValidatingWebhookConfiguration["webhooks"] | V1MutatingWebhookConfiguration["webhooks"];

const diff = (wanted: Entries, live: Entries): readonly object[] =>
  (wanted ?? []).flatMap(
    (entry) =>
      entryPatch(
        entry,
        (live ?? []).find(({ name }) => name === entry.name),
      ) ?? [],
  );

const patchOf = (
  { metadata }: V1ValidatingWebhookConfiguration | V1MutatingWebhookConfiguration,
  webhooks: readonly object[],
): { name: string; fieldManager: string; body: object } | undefined =>
  webhooks.length === 0
    ? undefined
    : {
        name: CONFIGURATION_NAME,
        fieldManager: MANAGER,
        // The version makes the API server refuse a patch of what has changed since it was read.
        body: { metadata: { resourceVersion: metadata?.resourceVersion }, webhooks },
      };

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
