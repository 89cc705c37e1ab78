import type { KeyObject } from "node:crypto";
import type { TrustedKey } from "../../../policy/authority.ts";
import { parseKmsUri, type KmsKey } from "../../../policy/compile/authorities/kmsUri.ts";
import { checkKey } from "../../../policy/compile/authorities/publicKeys.ts";
import type { Outcome } from "../../../policy/facts/outcome.ts";
import { younger } from "../../../async/younger.ts";
import { orAborted, untilAborted } from "../../../async/signals.ts";
import { fetchAwsKey, type AwsOptions } from "./awsKey.ts";
import { fetchAzureKey, type AzureOptions } from "./azureKey.ts";
import { fetchGcpKey, type GcpOptions } from "./gcpKey.ts";
import { KmsError } from "./kmsError.ts";
import { fetchVaultKey, type VaultOptions } from "./vaultKey.ts";

export interface KmsOptions {
  readonly aws?: AwsOptions;
  readonly gcp?: GcpOptions;
  readonly azure?: AzureOptions;
  /** Absent: `hashivault://` and `openbao://` keys are unavailable. */
  readonly vault?: VaultOptions;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** A key that could not be had, for the log. */
  readonly onFailure: (uri: string, error: unknown) => void;
  /** A key is another one than before, known for the first time, or gone. */
  readonly onChange?: () => void;
  /** Milliseconds of one attempt, for tests. */
  readonly attempt?: number;
}

/** Public keys in key management services, fetched when an authority first needs them. Private keys are never touched. */
export interface KmsKeys {
  /**
   * The key that was last fetched, without waiting: `fresh`, or one whose renewal is due or failing. undefined: none yet.
   * Starts a renewal that is due.
   */
  readonly peek: (uri: string) => { readonly key: TrustedKey; readonly fresh: boolean } | undefined;
  /** Milliseconds since the epoch: until then `peek` gives no other answer; -Infinity while the key is being renewed. */
  readonly until: (uri: string) => number;
  /** Whether the service said that there is no such key, or none that may be used: nobody is trusted by it. */
  readonly isGone: (uri: string) => boolean;
  /**
   * Never rejects. `unavailable` (kms): the service cannot be asked and the last key is too old to be trusted with a new
   * verdict. `invalid`: there is no such key, or none that may be used.
   */
  readonly get: (uri: string, signal: AbortSignal) => Promise<Outcome<TrustedKey, "KeyInvalid">>;
}

/** A key is used so long without asking again; renewed in the background from then on. */
const FRESH = 5 * 60_000;
/** After this a key that could not be renewed is not trusted with new verdicts any more. */
const USABLE = 15 * 60_000;
/** Between attempts that failed. */
const RETRY = 2_000;
/** One attempt, whoever waits. */
const ATTEMPT = 10_000;

interface Entry {
  known: { readonly key: TrustedKey; readonly at: number } | undefined;
  failure: Exclude<Outcome<TrustedKey, "KeyInvalid">, { status: "verified" }> | undefined;
  /** When the last attempt ended, and how long there is none after it; milliseconds. */
  tried: number;
  pause: number;
  flight: Promise<void> | undefined;
}

export const createKmsKeys = (options: KmsOptions): KmsKeys => {
  const { clock, onFailure, onChange = () => undefined, attempt = ATTEMPT } = options;
  const entries = new Map<string, Entry>();
  const entryOf = (uri: string): Entry => {
    const known = entries.get(uri);
    if (known !== undefined) return known;
    const entry: Entry = { known: undefined, failure: undefined, tried: -Infinity, pause: 0, flight: undefined };
    entries.set(uri, entry);
    return entry;
  };

  const renew = async (uri: string, entry: Entry): Promise<void> => {
    const before = trustOf(entry);
    try {
      const limit = AbortSignal.timeout(attempt);
      // Ends with its time, whatever a cloud's library does: a key whose attempt hangs would not be asked for again.
      const checked = checkKey(await orAborted(fetchKey(uri, options, limit), limit, "the key service hangs"));
      if (checked.status === "refused") throw new KmsError("unusable", `it is ${checked.message}`);
      entry.known = { key: checked.key, at: clock() };
      entry.failure = undefined;
      entry.pause = FRESH;
    } catch (error) {
      onFailure(uri, error);
      entry.failure = failureOf(error);
      // The service said that the key is gone: what was trusted before is not any more.
      if (entry.failure.status === "invalid") entry.known = undefined;
      entry.pause = RETRY;
    } finally {
      entry.tried = clock();
      entry.flight = undefined;
      if (trustOf(entry) !== before) onChange();
    }
  };
  const renewIfDue = (uri: string, entry: Entry): void => {
    if (entry.flight === undefined && !younger(entry.tried, clock(), entry.pause)) entry.flight = renew(uri, entry);
  };
  const usable = (entry: Entry): TrustedKey | undefined =>
    entry.known !== undefined && younger(entry.known.at, clock(), USABLE) ? entry.known.key : undefined;

  return {
    peek: (uri) => {
      const entry = entryOf(uri);
      renewIfDue(uri, entry);
      return entry.known && { key: entry.known.key, fresh: usable(entry) !== undefined };
    },
    until: (uri) => {
      const { flight, tried, pause, known } = entryOf(uri);
      return flight === undefined ? Math.min(tried + pause, (known?.at ?? -Infinity) + USABLE) : -Infinity;
    },
    isGone: (uri) => isGone(entryOf(uri)),
    get: async (uri, signal) => {
      const entry = entryOf(uri);
      renewIfDue(uri, entry);
      const key = usable(entry);
      if (key !== undefined) return { status: "verified", value: key };
      if (entry.flight !== undefined) await untilAborted(entry.flight, signal);
      const renewed = usable(entry);
      if (renewed !== undefined) return { status: "verified", value: renewed };
      return entry.failure ?? { status: "unavailable", cause: "kms", message: "the key could not be fetched in time" };
    },
  };
};

const isGone = ({ failure }: Entry): boolean => failure?.status === "invalid";

/** What somebody who shows it would be told of. */
const trustOf = (entry: Entry): string | undefined =>
  entry.known?.key.fingerprint ?? (isGone(entry) ? "gone" : undefined);

const failureOf = (error: unknown): Exclude<Outcome<TrustedKey, "KeyInvalid">, { status: "verified" }> =>
  error instanceof KmsError && error.code === "unusable"
    ? { status: "invalid", reason: "KeyInvalid", message: `its key cannot be used: ${error.message}` }
    : {
        status: "unavailable",
        cause: "kms",
        // Only our own words: a library's would tell of the operator's surroundings.
        message:
          error instanceof KmsError ? `its key could not be fetched: ${error.message}` : "its key could not be fetched",
      };

const fetchKey = async (uri: string, options: KmsOptions, signal: AbortSignal): Promise<KeyObject> => {
  const key: KmsKey | undefined = parseKmsUri(uri);
  switch (key?.service) {
    case "aws":
      return fetchAwsKey(key, options.aws ?? {}, signal);
    case "gcp":
      return fetchGcpKey(key, options.gcp ?? {}, signal);
    case "azure":
      return fetchAzureKey(key, options.azure ?? {}, signal);
    case "vault":
      return fetchVaultKey(key, options.vault, signal);
    case "k8s":
    case undefined:
      throw new KmsError("unusable", "its address is not that of a key");
  }
};
