import { Malformed } from "../find/candidate.ts";

/** Strict base64, standard alphabet, padded or not. */
export const fromBase64 = (text: string, what: string): Buffer => {
  const compact = text.trim();
  if (compact === "" || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw new Malformed(`${what} is not base64`);
  return Buffer.from(compact, "base64");
};
