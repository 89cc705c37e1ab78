const CONSTRUCTED = 0x20;
const OCTET_STRING = 0x04;
/** Of the library; nothing is deeper. */
const MOST_DEPTH = 100;
/** A certificate or a timestamp with its chain has some hundreds. */
const MOST_ELEMENTS = 4_000;

/**
 * A copy for @sigstore/core to parse, which tries whether octet strings hold elements too, again and again: some hundred bytes of `04 04 04`
 * take it minutes (found by jazzer.js). The same steps are counted here first; throws where they are too many.
 */
export const boundedDer = (der: Buffer): Buffer<ArrayBuffer> => {
  const copy = Buffer.from(der);
  countElements(copy);
  return copy;
};

const countElements = (bytes: Buffer): void => {
  let count = 0;
  /** The end of the element at a place; undefined for what the library refuses, after which it goes on differently. */
  const endOf = (from: number, depth: number): number | undefined => {
    count += 1;
    if (count > MOST_ELEMENTS) throw new Error("too entangled to be read");
    const header = readHeader(bytes, from);
    if (header === undefined || depth > MOST_DEPTH) return undefined;
    const { tag, start, end } = header;
    if ((tag & CONSTRUCTED) !== 0) return endOfAll(start, end, depth);
    return tag === OCTET_STRING ? (endOfAll(start, end, depth) ?? end) : end;
  };
  const endOfAll = (from: number, end: number, depth: number): number | undefined => {
    let at: number | undefined = from;
    while (at !== undefined && at < end) at = endOf(at, depth + 1);
    return at === end ? end : undefined;
  };
  endOf(0, 0);
};

const readHeader = (
  bytes: Buffer,
  from: number,
): { readonly tag: number; readonly start: number; readonly end: number } | undefined => {
  const [tag, first] = [bytes[from], bytes[from + 1]];
  if (tag === undefined || first === undefined || (tag & 0xdf) === 0 || (tag & 0x1f) === 0x1f) return undefined;
  const size = first < 0x80 ? 0 : first & 0x7f;
  if (size > 6) return undefined;
  const start = from + 2 + size;
  const written = bytes.subarray(from + 2, start);
  const length = first < 0x80 ? first : written.reduce((before, byte) => before * 256 + byte, 0);
  if (first >= 0x80 && (length < 0x80 || written[0] === 0)) return undefined;
  return start + length > bytes.length ? undefined : { tag, start, end: start + length };
};
