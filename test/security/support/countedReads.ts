/** A value whose every read, however deep, is counted: steps instead of time, which a busy machine changes. */
export interface CountedReads<T> {
  readonly value: T;
  readonly reads: () => number;
}

export function countedReads<T extends object>(value: T): CountedReads<T> {
  let reads = 0;
  const watch = <V extends object>(target: V): V =>
    new Proxy(target, {
      get: (object, key, receiver) => {
        reads += 1;
        const found: unknown = Reflect.get(object, key, receiver);
        // A proxy may not give anything else for what is frozen.
        const frozen = Object.getOwnPropertyDescriptor(object, key)?.configurable === false;
        return typeof found === "object" && found !== null && !frozen ? watch(found) : found;
      },
    });
  return { value: watch(value), reads: () => reads };
}
