/** Milliseconds that one call of the Kubernetes API may take; its client has no limit of its own. */
const CALL = 10_000;

/** A call's result, or a rejection after 10 s. */
export const within = async <T>(call: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the Kubernetes API did not answer within 10 s")), CALL);
  try {
    return await Promise.race([call, promise]);
  } finally {
    clearTimeout(timer);
  }
};
