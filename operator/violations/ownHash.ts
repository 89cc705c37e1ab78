import { createHash } from "node:crypto";
import { canonicalJson } from "../../policy/compile/canonicalJson.ts";

/** Hash of the fields of a stored object that the operator writes. Equal hashes: nothing to write. */
export const ownHash = (own: object): string =>
  createHash("sha256").update(canonicalJson(own)).digest("base64url").slice(0, 22);
