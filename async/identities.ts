/** Numbers for objects, from 1: the same number, the same object. For keys of what was found out about an object that is never changed. */
export function createIdentities(): (object: object) => number {
  const known = new WeakMap<object, number>();
  let last = 0;
  return (object) => {
    let identity = known.get(object);
    if (identity === undefined) known.set(object, (identity = last += 1));
    return identity;
  };
}
