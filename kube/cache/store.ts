import { isOlder } from "../resourceVersion.ts";

/** Told of a change: `before` is absent for what is new, `after` for what is gone. */
export type StoreListener<T> = (key: string, before: T | undefined, after: T | undefined) => void;

export interface StoreOptions<T> {
  readonly onError: (error: unknown, key: string) => void;
  /** Whether a newer value says the same to every listener; it is then stored in silence. Default: never. */
  readonly same?: (before: T, after: T) => boolean;
}

/** Objects by key, with listeners. A listener that throws is reported, and stops neither the others nor the watch. */
export interface Store<T> {
  readonly get: (key: string) => T | undefined;
  readonly size: () => number;
  readonly keys: () => IterableIterator<string>;
  readonly values: () => IterableIterator<T>;
  readonly entries: () => IterableIterator<[string, T]>;
  /** `asOf`: the version in which a list or a watch saw it. Left out where a write of ours has told of a newer one. */
  readonly set: (key: string, value: T, asOf?: string) => void;
  readonly delete: (key: string, asOf?: string) => void;
  /**
   * Stores what the answer to a request of ours held, in this version. Left out where the watch is there already: what it has told since
   * stands, a deletion among it, which would never be told again.
   */
  readonly learn: (key: string, value: T, version: string) => void;
  /** Lists and the watch tell of everything up to this version, or are about to. */
  readonly reached: (version: string) => void;
  readonly onChange: (listener: StoreListener<T>) => () => void;
  /** Called after every change, and when a list is complete; carries nothing. */
  readonly onPing: (listener: () => void) => () => void;
  readonly ping: () => void;
}

export function createStore<T>({ onError, same = () => false }: StoreOptions<T>): Store<T> {
  const items = new Map<string, T>();
  const listeners = new Set<StoreListener<T>>();
  const pings = new Set<() => void>();
  /** Versions that were learned before the watch was there. */
  const learned = new Map<string, string>();
  let position = "";

  const ping = (): void => {
    for (const listener of pings) {
      try {
        listener();
      } catch (error) {
        onError(error, "");
      }
    }
  };
  const tell = (key: string, before: T | undefined, after: T | undefined): void => {
    for (const listener of listeners) {
      try {
        listener(key, before, after);
      } catch (error) {
        onError(error, key);
      }
    }
    ping();
  };

  const isAhead = (key: string, asOf: string): boolean => {
    const version = learned.get(key);
    return version !== undefined && isOlder(asOf, version);
  };
  const set = (key: string, value: T): void => {
    const before = items.get(key);
    items.set(key, value);
    if (before === undefined || !same(before, value)) tell(key, before, value);
  };

  return {
    get: (key) => items.get(key),
    size: () => items.size,
    keys: () => items.keys(),
    values: () => items.values(),
    entries: () => items.entries(),
    set: (key, value, asOf = "") => {
      if (isAhead(key, asOf)) return;
      learned.delete(key);
      set(key, value);
    },
    delete: (key, asOf = "") => {
      if (isAhead(key, asOf)) return;
      learned.delete(key);
      const before = items.get(key);
      if (items.delete(key)) tell(key, before, undefined);
    },
    learn: (key, value, version) => {
      if (version === position || isOlder(version, position) || isAhead(key, version)) return;
      learned.set(key, version);
      set(key, value);
    },
    reached: (version) => {
      // The cluster was restored from a backup: what was learned never was.
      if (isOlder(version, position)) learned.clear();
      position = version;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onPing: (listener) => {
      pings.add(listener);
      return () => pings.delete(listener);
    },
    ping,
  };
}
