/** Hex digits by algorithm: those that a registry must know (OCI image-spec descriptor.md, "Registered algorithms"). */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha512", 128],
]);

/** undefined: `sha256:<64 hex>` or `sha512:<128 hex>` in lower case; else what is wrong with it, in words. */
export function digestFault(digest: string): string | undefined {
  if (digest === "") return "has an empty digest; write sha256: and 64 hex digits";
  const colon = digest.indexOf(":");
  const algorithm = colon < 0 ? digest : digest.slice(0, colon);
  const hex = colon < 0 ? "" : digest.slice(colon + 1);
  const length = LENGTHS.get(algorithm);
  if (length === undefined || colon < 0) return "has a digest that is neither sha256:<64 hex> nor sha512:<128 hex>";
  if (/^[0-9a-f]*$/.test(hex)) {
    return hex.length === length ? undefined : `has a digest of ${hex.length} hex digits; ${algorithm} has ${length}`;
  }
  return /^[0-9a-fA-F]*$/.test(hex)
    ? "has capital letters in its digest; write it in lower case"
    : "has characters in its digest that are not hex digits";
}

/** Whether it is a well-formed digest: SHA-256 or SHA-512, whole, in lower case. */
export function isDigest(text: string): boolean {
  return digestFault(text) === undefined;
}
