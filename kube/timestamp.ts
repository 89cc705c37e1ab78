/** RFC 3339 to the second, as metav1.Time is written. */
export const timestamp = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace(/\.[0-9]+Z$/, "Z");

/** RFC 3339 with microseconds, as metav1.MicroTime is written. */
export const microTime = (milliseconds: number): string => new Date(milliseconds).toISOString().replace("Z", "000Z");
