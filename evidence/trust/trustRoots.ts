import { createHash } from "node:crypto";
import type { TrustRootSource } from "../../policy/authority.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { createAddressFilter, type AddressFilter } from "../registry/http/addresses.ts";
import { younger } from "../../async/younger.ts";
import { untilAborted } from "../../async/signals.ts";
import { embeddedRoot, PUBLIC_GOOD_MIRROR } from "./embeddedRoot.ts";
import { fetchTufRoot, type TufRepository } from "./fetchTufRoot.ts";

/** A `trusted_root.json` that is trusted now. */
export interface KnownRoot {
  readonly json: string;
  /** SHA-256 of the text: part of the key of whatever was verified against it. */
  readonly hash: string;
  /** Set while it is only what is embedded, and news of it are still being asked for the first time. */
  readonly provisional?: true;
}

export interface TrustRootOptions {
  /** Where TUF keeps its metadata; needs to be writable, is made where it is missing. */
  readonly cacheDirectory: string;
  /** Whether Sigstore's TUF repository may be asked for news of the public good root. Without it what is embedded counts. */
  readonly publicGoodUpdates: boolean;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** A root that could not be renewed, for the log. */
  readonly onFailure: (mirror: string, error: unknown) => void;
  /** Which addresses a mirror may not redirect to; what the registries' own default refuses where it is absent. */
  readonly filter?: AddressFilter;
  /** A root is another one than before, or known for the first time. */
  readonly onChange?: () => void;
  /** For tests. */
  readonly fetchRoot?: typeof fetchTufRoot;
  readonly publicGoodMirror?: string;
}

/** The trust roots that authorities name. Nothing is contacted before a policy needs it. */
export interface TrustRoots {
  /** What is known without waiting; undefined where it has to be fetched first. Starts a renewal that is due. */
  readonly peek: (source: TrustRootSource) => KnownRoot | undefined;
  /** Milliseconds since the epoch: until then `peek` gives no other root; -Infinity while one is being renewed. */
  readonly until: (source: TrustRootSource) => number;
  /** Never rejects; `unavailable` (trustRoot) where there is none to be had. */
  readonly get: (source: TrustRootSource, signal: AbortSignal) => Promise<Outcome<KnownRoot, never>>;
}

/** TUF's own metadata lives for days; news of a trust root (a key that was taken back) should not take as long. */
const RENEWAL = 6 * 3_600_000;
/** After a failure. */
const RETRY = 60_000;

interface Entry {
  readonly repository: TufRepository;
  known: KnownRoot | undefined;
  /** When it was asked last, and how long it is not asked after that; milliseconds. -Infinity: never yet; a pause of Infinity: for good. */
  asked: number;
  pause: number;
  /** Of the renewal under way: resolves with the first root that it has. Undefined: none is under way. */
  flight: Promise<void> | undefined;
}

export const createTrustRoots = (options: TrustRootOptions): TrustRoots => {
  const {
    cacheDirectory,
    publicGoodUpdates,
    clock,
    onFailure,
    fetchRoot = fetchTufRoot,
    filter = createAddressFilter({ allowed: [], serviceRanges: [] }),
    onChange = () => undefined,
  } = options;
  const entries = new Map<string, Entry>();
  const documents = new Map<string, KnownRoot>();

  const documentOf = (json: string): KnownRoot => {
    const known = documents.get(json);
    if (known !== undefined) return known;
    // Few are in force at a time; policies that changed left theirs behind.
    if (documents.size >= 256) documents.clear();
    const fresh = knownRoot(json);
    documents.set(json, fresh);
    return fresh;
  };

  const entryOf = (source: Exclude<TrustRootSource, { type: "document" }>): Entry => {
    const key = source.type === "tuf" ? JSON.stringify([source.mirror, source.root]) : "publicGood";
    const known = entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry =
      source.type === "tuf"
        ? { repository: source, known: undefined, asked: -Infinity, pause: 0, flight: undefined }
        : {
            repository: { mirror: options.publicGoodMirror ?? PUBLIC_GOOD_MIRROR },
            known: { ...knownRoot(embeddedRoot()), ...(publicGoodUpdates ? { provisional: true } : {}) },
            asked: publicGoodUpdates ? -Infinity : 0,
            pause: publicGoodUpdates ? 0 : Infinity,
            flight: undefined,
          };
    entries.set(key, entry);
    return entry;
  };

  /** One fetch at a time for each root. What is on disk comes first, so that a restart beside a dead mirror does no harm. */
  const renew = (entry: Entry): void => {
    const known = Promise.withResolvers<void>();
    entry.flight = known.promise;
    const attempt = async (fromCache: boolean): Promise<boolean> => {
      try {
        entry.known = knownRoot(await fetchRoot(entry.repository, cacheDirectory, fromCache, filter));
        // Nobody waits for news while there is a root: the mirror may hang.
        known.resolve();
        return true;
      } catch (error) {
        onFailure(entry.repository.mirror, error);
        return false;
      }
    };
    const run = async (): Promise<void> => {
      const before = entry.known;
      const first = entry.known === undefined || entry.asked === -Infinity;
      // From the cache the mirror is asked as well where the cache does not hold: no second try then.
      const renewed = (!first || (await attempt(true))) && (await attempt(false));
      if (entry.known?.provisional === true) entry.known = { json: entry.known.json, hash: entry.known.hash };
      entry.asked = clock();
      entry.pause = renewed ? RENEWAL : RETRY;
      entry.flight = undefined;
      known.resolve();
      if (entry.known?.hash !== before?.hash || entry.known?.provisional !== before?.provisional) onChange();
    };
    void run();
  };

  const peek: TrustRoots["peek"] = (source) => {
    if (source.type === "document") return documentOf(source.json);
    const entry = entryOf(source);
    // Renewed behind the answer: what is known stays good while its repository cannot be reached.
    if (entry.flight === undefined && isDue(entry, clock())) renew(entry);
    return entry.known;
  };

  const until: TrustRoots["until"] = (source) => {
    if (source.type === "document") return Infinity;
    const { flight, asked, pause } = entryOf(source);
    return flight === undefined ? asked + pause : -Infinity;
  };

  return {
    peek,
    until,
    get: async (source, signal) => {
      const known = peek(source);
      if (known !== undefined) return { status: "verified", value: known };
      if (source.type === "document") return missing;
      const entry = entryOf(source);
      if (entry.flight !== undefined) await untilAborted(entry.flight, signal);
      return entry.known === undefined ? missing : { status: "verified", value: entry.known };
    },
  };
};

/** A clock that was ahead and is set back, as where a node starts without the time, must not keep a root away until it gets there again. */
const isDue = ({ asked, pause }: Entry, now: number): boolean => !younger(asked, now, pause);

const missing = {
  status: "unavailable",
  cause: "trustRoot",
  message: "the trust root could not be fetched from its TUF repository",
} as const;

const knownRoot = (json: string): KnownRoot => ({ json, hash: createHash("sha256").update(json).digest("hex") });
