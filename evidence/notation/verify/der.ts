/** One element of DER: where it begins, where its content begins, and where both end. */
export interface Der {
  readonly tag: number;
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

/**
 * The element at a place, without reading what is in it: a revocation list of some MiB is a hundred thousand entries, and a library's tree of
 * them takes hundreds of MiB. Throws where it is not in DER, or goes on beyond `limit`.
 */
export const readDer = (bytes: Uint8Array, from: number, limit: number = bytes.length): Der => {
  const [tag, first] = [bytes[from], bytes[from + 1]];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new Error("not DER");
  let [start, length] = [from + 2, first];
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new Error("not DER");
    length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[start + index] ?? NaN);
    // The shortest form only.
    if (length < 0x80 || length < 256 ** (count - 1)) throw new Error("not DER");
    start += count;
  }
  const end = start + length;
  if (!(end <= limit)) throw new Error("not DER");
  return { tag, from, start, end };
};
