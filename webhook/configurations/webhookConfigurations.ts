import type {
  V1MutatingWebhook,
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhook,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { expectStatus, getObject, MERGE_PATCH } from "../../kube/expectStatus.ts";
import type { KubeClient, KubeRequest } from "../../kube/kubeClient.ts";
import { KubeError } from "../../kube/kubeError.ts";
import { isInjected, isSameBundle, withInjected } from "./caBundles.ts";
import { CONFIGURATION_NAME, isOwnEntry, LABELS } from "./generate.ts";
import { isSame, isSameSelector } from "./sameEntry.ts";

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

type Client = Pick<KubeClient, "request">;

/** Reads both configurations. Rejects with KubeError. */
export const readConfigurations = async (client: Client): Promise<LiveConfigurations> => {
  const [validating, mutating] = await Promise.all([
    getObject(client, pathOf(VALIDATING), { timeout: TIMEOUT }),
    getObject(client, pathOf(MUTATING), { timeout: TIMEOUT }),
  ]);
  // The API server holds them to their schema.
  return { validating, mutating } as LiveConfigurations;
};

/**
 * Makes the cluster hold these entries, and gives what it holds then. Writes only what differs, leaves the entries of others alone, and only
 * if nobody wrote since `live` was read: else a ConfigurationConflict.
 */
export const writeConfigurations = async (
  client: Client,
  live: LiveConfigurations,
  wanted: WantedEntries,
): Promise<LiveConfigurations> => {
  const validating = await write(client, VALIDATING, live.validating, wanted.validating);
  const mutating = await write(client, MUTATING, live.mutating, wanted.mutating);
  return { validating, mutating };
};

const VALIDATING = "ValidatingWebhookConfiguration";
const MUTATING = "MutatingWebhookConfiguration";
type Kind = typeof VALIDATING | typeof MUTATING;

const API_VERSION = "admissionregistration.k8s.io/v1";
/** Milliseconds of one request. */
const TIMEOUT = 10_000;
const QUERY = { fieldManager: "image-security" };

const collectionOf = (kind: Kind): string => `/apis/${API_VERSION}/${kind.toLowerCase()}s`;
const pathOf = (kind: Kind): string => `${collectionOf(kind)}/${CONFIGURATION_NAME}`;

/** A configuration of either kind, whose entries are of its kind. */
interface Configuration<Entry> {
  readonly metadata?: { readonly resourceVersion?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly webhooks?: readonly Entry[];
}

/** What stands in the cluster afterwards. */
const write = async <Entry extends OwnEntry, Live extends Configuration<Entry>>(
  client: Client,
  kind: Kind,
  live: Live | undefined,
  wanted: readonly Entry[] | undefined,
): Promise<Live | undefined> => {
  if (wanted === undefined) return live;
  if (live === undefined) {
    if (wanted.length === 0) return undefined;
    const metadata = { name: CONFIGURATION_NAME, labels: LABELS };
    const body = { apiVersion: API_VERSION, kind, metadata, webhooks: wanted };
    return orConflict(client, "POST", collectionOf(kind), { body, query: QUERY, timeout: TIMEOUT });
  }
  const present = live.webhooks ?? [];
  const ours = present.filter(isOwnEntry);
  const entries = isInjected(live) ? withInjected(wanted, ours) : wanted;
  const holds = (entry: Entry): boolean => ours.some((one) => one.name === entry.name && isSameEntry(one, entry));
  if (ours.length === entries.length && entries.every(holds)) return live;
  // The whole list: a merge by name could not take away a selector or a condition that somebody added. The version makes the API server
  // refuse a patch of what has changed since it was read, so that the entries of others are as they were.
  const body = {
    metadata: { resourceVersion: live.metadata?.resourceVersion },
    webhooks: [...entries, ...present.filter((entry) => !isOwnEntry(entry))],
  };
  const options = { body, contentType: MERGE_PATCH, query: QUERY, timeout: TIMEOUT };
  return orConflict(client, "PATCH", pathOf(kind), options);
};

type OwnEntry = Pick<V1ValidatingWebhook, "name" | "clientConfig" | "namespaceSelector">;

const isSameEntry = (
  { namespaceSelector: one, clientConfig: { caBundle: bundle, ...from }, ...live }: OwnEntry,
  { namespaceSelector: other, clientConfig: { caBundle: wantedBundle, ...to }, ...wanted }: OwnEntry,
): boolean =>
  isSameSelector(one, other) && isSameBundle(bundle, wantedBundle) && isSame(from, to) && isSame(live, wanted);

/** What the API server has made of a write. */
const orConflict = async <Live>(
  client: Client,
  method: "POST" | "PATCH",
  path: string,
  options: KubeRequest,
): Promise<Live> => {
  try {
    // The API server holds it to its schema.
    return (await expectStatus(client, [200, 201], method, path, options)).body as Live;
  } catch (error) {
    if (error instanceof KubeError && (error.status === 409 || error.status === 404))
      throw new ConfigurationConflict("the webhook configuration was changed by someone else", { cause: error });
    throw error;
  }
};
