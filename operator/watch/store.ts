import { isOlder } from "../kube/resourceVersion.ts";

/** Told of a change: `before` is absent for what is new, `after` for what is gone. */
export type StoreListener<T> = (key: string, before: T | undefined, after: T | undefined) => void;

export interface StoreOptions<T> {
  readonly onError: (error: unknown, key: string) => void;
  /** Whether a newer value says the same to every listener; it is then stored in silence. Default: never. */
  readonly same?: (before: T, after: T) => boolean;
  /** Whether a value is older than the one that is known: it came late and is left out. Default: never. */
  readonly outdated?: (known: T, late: T) => boolean;
}

/** Objects by key, with listeners. A listener that throws is reported, and stops neither the others nor the watch. */
export interface Store<T> {
  readonly get: (key: string) => T | undefined;
  readonly size: () => number;
  readonly keys: () => IterableIterator<string>;
  readonly values: () => IterableIterator<T>;
  readonly entries: () => IterableIterator<[string, T]>;
  readonly set: (key: string, value: T) => void;
  readonly delete: (key: string) => void;
  /**
   * Stores what the answer to a request of ours held, in this version. Left out where the watch is there already: what it has told since
   * stands, a deletion among it, which would never be told again.
   */
  readonly learn: (key: string, value: T, version: string) => void;
  /** The watch has told of everything up to this version. */
  readonly reached: (version: string) => void;
  readonly onChange: (listener: StoreListener<T>) => () => void;
  /** Called after every change, and when a list is complete; carries nothing. */
  readonly onPing: (listener: () => void) => () => void;
  readonly ping: () => void;
}

export function createStore<T>({ onError, same = () => false, outdated = () => false }: StoreOptions<T>): Store<T> {
  const items = new Map<string, T>();
  const listeners = new Set<StoreListener<T>>();
  const pings = new Set<() => void>();
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

  const set = (key: string, value: T): void => {
    const before = items.get(key);
    if (before !== undefined && outdated(before, value)) return;
    items.set(key, value);
    if (before === undefined || !same(before, value)) tell(key, before, value);
  };

  return {
    get: (key) => items.get(key),
    size: () => items.size,
    keys: () => items.keys(),
    values: () => items.values(),
    entries: () => items.entries(),
    set,
    delete: (key) => {
      const before = items.get(key);
      if (items.delete(key)) tell(key, before, undefined);
    },
    learn: (key, value, version) => {
      if (version !== position && !isOlder(version, position)) set(key, value);
    },
    reached: (version) => {
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
