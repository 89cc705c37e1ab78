import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { TrustedKey } from "../../authority.ts";

/** A key that signatures may be checked with, or why it may not. */
export type CheckedKey =
  | { readonly status: "ok"; readonly key: TrustedKey }
  | { readonly status: "refused"; readonly message: string };

export type ParsedKeys =
  | { readonly status: "ok"; readonly keys: readonly TrustedKey[] }
  | { readonly status: "refused"; readonly message: string };

/** P-256, P-384 and P-521, as OpenSSL names them. */
const CURVES = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const MIN_RSA_BITS = 2048;
/** A check costs time by the square of the modulus: 16,384 bits take milliseconds, more would be an attack. */
const MAX_RSA_BITS = 16_384;
const MAX_KEYS = 64;
const ACCEPTED = "accepted are ECDSA P-256, P-384 and P-521, RSA of at least 2048 bits, and Ed25519";

/** A key does not change, and each signature that it made asks: exporting it took a thirtieth of a cold proof. */
const fingerprints = new WeakMap<KeyObject, string>();

/** `sha256:<hex>` over the DER SubjectPublicKeyInfo. */
export function fingerprintOfKey(key: KeyObject): string {
  const known = fingerprints.get(key);
  if (known !== undefined) return known;
  const hash = createHash("sha256").update(key.export({ format: "der", type: "spki" }));
  const fingerprint = `sha256:${hash.digest("hex")}`;
  fingerprints.set(key, fingerprint);
  return fingerprint;
}

/** Takes only the kinds of key that are strong enough today; the same rule holds for a certificate's key. */
export function checkKey(key: KeyObject): CheckedKey {
  const weakness = weaknessOf(key);
  return weakness === undefined
    ? { status: "ok", key: { key, fingerprint: fingerprintOfKey(key) } }
    : { status: "refused", message: weakness };
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\n([A-Za-z0-9+/=\s]+)-----END \1-----/g;
/**
 * Spaces that templates and editors leave at the ends of lines, and every kind of line end (RFC 7468, section 2:
 * parsers should ignore them).
 */
const LINE_BREAK = /[ \t]*(?:\r\n?|\n)[ \t]*/g;

/**
 * Reads every PEM block of `text`. One block that is not a good public key refuses the whole text: a key that was
 * dropped silently would be missed only when it is needed.
 */
export function parsePublicKeys(text: string): ParsedKeys {
  const lines = text.replaceAll(LINE_BREAK, "\n");
  const blocks = [...lines.matchAll(BLOCK)];
  const begun = lines.split("-----BEGIN").length - 1;
  if (begun === 0) return refused("holds no PEM block; expected -----BEGIN PUBLIC KEY-----");
  if (begun !== blocks.length)
    return refused(
      begun === 1
        ? "holds a PEM block that is broken"
        : `holds ${begun} PEM blocks, of which ${begun - blocks.length} cannot be read`,
    );
  if (begun > MAX_KEYS) return refused(`holds ${begun} keys; at most ${MAX_KEYS} are read`);

  const keys = new Map<string, TrustedKey>();
  for (const [index, [pem, label = ""]] of blocks.entries()) {
    const which = blocks.length === 1 ? "" : `PEM block ${index + 1}: `;
    // createPublicKey also takes private keys and certificates and would derive a key from them.
    if (label !== "PUBLIC KEY" && label !== "RSA PUBLIC KEY")
      return refused(`${which}${misplaced(label)}; expected PUBLIC KEY`);
    const key = importKey(pem);
    if (key === undefined) return refused(`${which}does not parse as a public key`);
    const checked = checkKey(key);
    if (checked.status === "refused") return refused(`${which}is ${checked.message}`);
    keys.set(checked.key.fingerprint, checked.key);
  }
  return { status: "ok", keys: [...keys.values()] };
}

function weaknessOf(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return undefined;
  if (type === "ec") {
    const curve = details?.namedCurve ?? "unknown";
    return CURVES.has(curve) ? undefined : `an ECDSA key on the curve ${curve}; ${ACCEPTED}`;
  }
  if (type === "rsa" || type === "rsa-pss") {
    const bits = details?.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) return `an RSA key of ${bits} bits; ${ACCEPTED}`;
    // With the exponent 1 every message is its own signature.
    const exponent = details?.publicExponent ?? 0n;
    return exponent >= 3n && exponent % 2n === 1n ? undefined : `an RSA key with the exponent ${exponent}`;
  }
  return `a key of type ${type ?? "unknown"}; ${ACCEPTED}`;
}

function refused(message: string): ParsedKeys {
  return { status: "refused", message };
}

function misplaced(label: string): string {
  if (label.includes("PRIVATE KEY")) return `is a private key (${label}), which does not belong here`;
  return label === "CERTIFICATE" ? "is a certificate" : `is a PEM block ${label}`;
}

function importKey(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
