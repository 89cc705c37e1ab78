/** Gives one shared value for equal ones, so that 150,000 pods do not hold 150,000 copies of the same labels and images. */
export interface Interner<T> {
  /** The value that is known by the key, else the one that `make` gives. */
  readonly intern: (key: string, make: () => T) => T;
  readonly size: () => number;
}

/**
 * Bounded by two generations: a key that is asked for lives on, what nobody asks for is forgotten after `capacity` other keys
 * (and then merely shared no longer).
 */
export function createInterner<T>(capacity: number = 65_536): Interner<T> {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  return {
    intern: (key, make) => {
      const known = young.get(key);
      if (known !== undefined) return known;
      const value = old.get(key) ?? make();
      if (young.size >= capacity) {
        old = young;
        young = new Map();
      }
      young.set(key, value);
      return value;
    },
    size: () => young.size + old.size,
  };
}
