import { Malformed } from "../find/candidate.ts";

const STANDARD = /^[A-Za-z0-9+/]+={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]+={0,2}$/;

/**
 * Base64 as cosign reads it, by Go's `base64.StdEncoding`: padded, and of what is no part of it only line ends are passed
 * over, which `openssl base64` and GNU `base64` write after every 64 or 76 characters.
 */
export const fromBase64 = (text: string, what: string): Buffer => {
  const compact = withoutLineEnds(text);
  if (!isPadded(compact, STANDARD)) throw new Malformed(`${what} is not base64`);
  return Buffer.from(compact, "base64");
};

/**
 * A field of a DSSE envelope: the standard alphabet, else that of URLs (go-securesystemslib, `dsse.b64Decode`), never both
 * in one.
 */
export const fromDsseBase64 = (text: string, what: string): Buffer => {
  const compact = withoutLineEnds(text);
  return isPadded(compact, URL_SAFE) ? Buffer.from(compact, "base64url") : fromBase64(compact, what);
};

/**
 * Base64 whose text is signed, and not only its bytes, as a log promises an entry's body: the one spelling that the bytes
 * have. cosign proves the promise over the text as it stands, so that every other spelling fails there.
 */
export const fromCanonicalBase64 = (text: string, what: string): Buffer => {
  const bytes = fromBase64(text, what);
  if (bytes.toString("base64") !== text) throw new Malformed(`${what} is not canonical base64`);
  return bytes;
};

const withoutLineEnds = (text: string): string => text.replaceAll(/[\r\n]+/g, "");

const isPadded = (text: string, alphabet: RegExp): boolean => text.length % 4 === 0 && alphabet.test(text);
