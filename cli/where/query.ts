import { isDigest } from "../../policy/image/digestForm.ts";
import { parsePattern } from "../../policy/image/pattern.ts";
import type { Reference } from "../../policy/image/reference.ts";
import { UsageError } from "../exitCode.ts";

/** What is looked for. */
export type Query =
  | { readonly type: "digest"; readonly digest: string }
  | { readonly type: "image"; readonly matches: (reference: Reference) => boolean }
  /** An id of the vulnerability, in upper case. */
  | { readonly type: "vulnerability"; readonly id: string }
  /** A part of a keyless identity (issuer or subject), whole. */
  | { readonly type: "signer"; readonly identity: string }
  /** SHA-256 of a key or certificate. */
  | { readonly type: "fingerprint"; readonly fingerprint: string };

const VULNERABILITY = /^(?:CVE-\d{4}-\d{4,}|[A-Z]{2,}[A-Z0-9]*-[A-Z0-9:._-]+)$/i;

/** As tables and `docker images` show them. Docker Hub, whose repository it would be, has no image sha256. */
const CUT_DIGEST = /^(?:key:|.*@)?sha256:[0-9a-f]*(?:\.\.\.|…)?$/i;

/**
 * Reads `DIGEST`, `CVE-...`, an image or an image pattern, an identity (`https://...` or a mail address) or `key:sha256:...`. Throws UsageError for
 * what is none of these.
 */
export const readQuery = (text: string): Query => {
  if (isDigest(text)) return { type: "digest", digest: text };
  const [, fingerprint] = /^key:(sha256:[0-9a-f]{64})$/.exec(text) ?? [];
  if (fingerprint !== undefined) return { type: "fingerprint", fingerprint };
  if (/^https?:\/\//.test(text) || /^[^\s/@]+@[^\s/@]+\.[^\s/@]+$/.test(text))
    return { type: "signer", identity: text };
  if (VULNERABILITY.test(text) && !text.includes("/")) return { type: "vulnerability", id: text.toUpperCase() };
  const at = text.indexOf("@");
  if (at >= 0 && isDigest(text.slice(at + 1))) return { type: "digest", digest: text.slice(at + 1) };
  if (CUT_DIGEST.test(text))
    throw new UsageError(`${text}: is no whole digest; write sha256: and its 64 hex digits, as --output json has them`);
  const parsed = parsePattern(text);
  if (parsed.status === "ok") return { type: "image", matches: parsed.pattern.matches };
  throw new UsageError(
    `${text}: is no digest (sha256:...), vulnerability (CVE-...), signer (https://..., a mail address, key:sha256:...) or image pattern: ${parsed.message}`,
  );
};
