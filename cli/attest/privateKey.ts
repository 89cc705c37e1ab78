import { createPrivateKey, scryptSync, type KeyObject } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { field, textField } from "../../json/fields.ts";
import { UsageError } from "../exitCode.ts";

/** cosign's own encryption (sigstore/cosign pkg/cosign/keys.go, secure-systems-lab/go-securesystemslib encrypted). */
const COSIGN = /-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/;
/** What scrypt may take: cosign writes N 65536 and r 8, which is 64 MiB; older ones 32768. */
const MOST_MEMORY = 256 * 1024 * 1024;

/**
 * A private key for signing: PEM (PKCS #8, SEC 1, PKCS #1), in the clear or encrypted, or one that `cosign generate-key-pair` made. Throws
 * UsageError; what the file holds is in no message.
 */
export const readPrivateKey = (path: string, text: string, password: string): KeyObject => {
  const [, sealed] = COSIGN.exec(text) ?? [];
  let key: KeyObject;
  try {
    key =
      sealed === undefined
        ? createPrivateKey({ key: text, passphrase: password })
        : createPrivateKey({ key: Buffer.from(unseal(sealed, password)), format: "der", type: "pkcs8" });
  } catch {
    throw new UsageError(
      `--key ${path}: is no private key that can be read: give PEM, and for an encrypted one its password as COSIGN_PASSWORD`,
    );
  }
  if (!["ec", "ed25519", "rsa"].includes(key.asymmetricKeyType ?? ""))
    throw new UsageError(`--key ${path}: is a key for ${key.asymmetricKeyType}: give an ECDSA, Ed25519 or RSA key`);
  return key;
};

const unseal = (base64: string, password: string): Uint8Array => {
  const box: unknown = JSON.parse(Buffer.from(base64, "base64").toString("utf8"));
  const [kdf, cipher] = [field(box, "kdf"), field(box, "cipher")];
  if (textField(kdf, "name") !== "scrypt" || textField(cipher, "name") !== "nacl/secretbox")
    throw new Error("is sealed in another way");
  const params = field(kdf, "params");
  const derived = scryptSync(password, bytes(kdf, "salt"), 32, {
    N: Number(field(params, "N")),
    r: Number(field(params, "r")),
    p: Number(field(params, "p")),
    maxmem: MOST_MEMORY,
  });
  return xsalsa20poly1305(derived, bytes(cipher, "nonce")).decrypt(bytes(box, "ciphertext"));
};

const bytes = (value: unknown, name: string): Uint8Array =>
  new Uint8Array(Buffer.from(textField(value, name) ?? "", "base64"));
