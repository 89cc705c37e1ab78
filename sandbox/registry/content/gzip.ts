import { crc32 } from "node:zlib";

/** The most that one stored block holds (RFC 1951, section 3.2.4). */
const maxStored = 0xff_ff;

/**
 * The bytes in gzip's form (RFC 1952) without compressing them: what zlib makes of them differs between its versions
 * and systems, and the digests with it; this is the same everywhere.
 */
export function gzip(bytes: Uint8Array): Uint8Array {
  // No name, no time, system unknown.
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  const blocks: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += maxStored) {
    const data = bytes.subarray(from, from + maxStored);
    const blockHeader = Buffer.alloc(5);
    blockHeader.writeUInt8(from + maxStored >= bytes.length ? 1 : 0, 0);
    blockHeader.writeUInt16LE(data.length, 1);
    blockHeader.writeUInt16LE(data.length ^ maxStored, 3);
    blocks.push(blockHeader, data);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.length % 2 ** 32, 4);
  return Buffer.concat([header, ...blocks, trailer]);
}
