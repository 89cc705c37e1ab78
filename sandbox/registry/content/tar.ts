const block = 512;

/**
 * A tar archive (ustar) of regular files, in the order given: owner 0, mode 0644, time 0, so that the same files give
 * the same bytes everywhere.
 */
export function tar(files: Readonly<Record<string, string>>): Uint8Array {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text);
    return [header(name, content.length), content, Buffer.alloc(padding(content.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

/** POSIX.1-1988 "ustar Interchange Format": name, mode, uid, gid, size, mtime, checksum, type, magic. */
function header(name: string, size: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`a name in a tar header has at most 100 bytes: ${name}`);
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0);
  bytes.write("0000644\0", 100);
  bytes.write("0000000\0", 108);
  bytes.write("0000000\0", 116);
  bytes.write(`${octal(size, 11)}\0`, 124);
  bytes.write(`${octal(0, 11)}\0`, 136);
  bytes.write("        ", 148);
  bytes.write("0", 156);
  bytes.write("ustar\x0000", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${octal(sum, 6)}\0 `, 148);
  return bytes;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}

function padding(size: number): number {
  return (block - (size % block)) % block;
}
