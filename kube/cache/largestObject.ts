/**
 * Bytes that one object may have as JSON. etcd takes requests of 1.5 MiB, some clusters of 3 MiB; text of control characters, or of `<`,
 * which Go writes as `\u003c`, grows to six times that. What is longer is not the API server speaking, and must not fill the memory.
 */
export const LARGEST_OBJECT: number = 20 * 1024 * 1024;
