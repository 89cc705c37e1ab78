/** A value that may be at hand already. A warm decision takes no turn of the event loop. */
export type Maybe<T> = T | Promise<T>;

/** Goes on with a value at once, or when it is there. */
export const chain = <A, B>(value: Maybe<A>, follow: (value: A) => Maybe<B>): Maybe<B> =>
  value instanceof Promise ? value.then(follow) : follow(value);

/** All of them in their order, at once where none is a promise. */
export function all<T>(values: readonly Maybe<T>[]): Maybe<readonly T[]> {
  const here = values.filter((value): value is Exclude<Maybe<T>, Promise<T>> => !(value instanceof Promise));
  return here.length === values.length ? here : Promise.all(values.map(async (value) => value));
}
