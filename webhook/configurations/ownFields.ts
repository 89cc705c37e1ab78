import { isDeepStrictEqual } from "node:util";
import type { V1MutatingWebhook, V1ValidatingWebhook } from "@kubernetes/client-node";

type Entry = V1ValidatingWebhook | V1MutatingWebhook;

/** One entry of a strategic merge patch: entries are merged by name, matchConditions too. */
export type EntryPatch = Readonly<Record<string, unknown>>;

/**
 * The part of an entry that belongs to the operator's code and goes with its version. All else, `failurePolicy`,
 * timeouts, selectors and the Service, whoever installed it decides: the operator writes it once, when it makes the entry.
 */
const own = (entry: Entry): EntryPatch => ({
  name: entry.name,
  rules: entry.rules,
  matchConditions: entry.matchConditions,
  matchPolicy: entry.matchPolicy,
  sideEffects: entry.sideEffects,
  admissionReviewVersions: entry.admissionReviewVersions,
  // The mutating entries follow the validating ones.
  ...("reinvocationPolicy" in entry
    ? { reinvocationPolicy: entry.reinvocationPolicy, namespaceSelector: entry.namespaceSelector }
    : {}),
  clientConfig:
    entry.clientConfig.url === undefined
      ? { caBundle: entry.clientConfig.caBundle }
      : // The URL's port is known to the running operator alone.
        { caBundle: entry.clientConfig.caBundle, url: entry.clientConfig.url, service: null },
});

/** What has to be patched so that `live` holds `wanted`, nothing where it does; an entry that is not there is written whole. */
export const entryPatch = (wanted: Entry, live: Entry | undefined): readonly EntryPatch[] => {
  if (live === undefined) return [Object.fromEntries(Object.entries(wanted))];
  const patch = own(wanted);
  return holds(live, patch) ? [] : [patch];
};

const holds = (live: unknown, wanted: unknown): boolean => {
  if (wanted === undefined || wanted === null) return live === undefined || live === null;
  if (Array.isArray(wanted)) return holdsList(live, wanted);
  if (typeof wanted !== "object") return isDeepStrictEqual(live, wanted);
  if (typeof live !== "object" || live === null) return false;
  const fields = live as Readonly<Record<string, unknown>>;
  return Object.entries(wanted).every(([field, value]) => holds(fields[field], value));
};

/** Lists of named things are merged by name, so others may stand between; all other lists are replaced whole. */
const holdsList = (live: unknown, wanted: readonly unknown[]): boolean => {
  if (!Array.isArray(live)) return false;
  const named = wanted.every((item) => nameOf(item) !== undefined);
  if (named) return wanted.every((item) => live.some((other) => nameOf(other) === nameOf(item) && holds(other, item)));
  return live.length === wanted.length && wanted.every((item, index) => holds(live[index], item));
};

const nameOf = (item: unknown): unknown =>
  typeof item === "object" && item !== null && "name" in item ? item.name : undefined;
