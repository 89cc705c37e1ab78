/**
 * Resolves when one of the parts says that what came so far is enough, or when all have ended; those that are left go on. Rejects where one
 * does before that.
 */
export async function untilEnough(parts: readonly Promise<boolean>[]): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const all = parts.map(async (part) => {
    if (await part) resolve();
  });
  await Promise.race([enough, Promise.all(all)]);
}
