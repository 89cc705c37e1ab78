import { TrustedRoot } from "@sigstore/protobuf-specs";
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { CompiledAuthority } from "../../policy/authority.ts";
import type { SignerSources } from "./signers.ts";

/**
 * What an authority trusts right now, for `status.authorities` and the Event TrustChanged: the fingerprints of its keys, of
 * the certificate authorities of its trust root, or of all its certificates; sorted. undefined: not known yet, because a key or a root was not fetched.
 */
export const fingerprintsOf = (
  authority: CompiledAuthority,
  { kms, roots }: SignerSources,
): readonly string[] | undefined => {
  if (authority.type === "notation") {
    const all = [...authority.certificates, ...(authority.timestampCertificates ?? [])];
    return [...new Set(all.map(({ fingerprint }) => fingerprint))].toSorted();
  }
  if (authority.type === "keyless") {
    const root = roots.peek(authority.trustRoot);
    return root === undefined || root.provisional === true ? undefined : authorityFingerprints(root.json);
  }
  if (authority.kms === undefined) return authority.keys.map(({ fingerprint }) => fingerprint).toSorted();
  const held = kms.peek(authority.kms);
  if (held !== undefined) return [held.key.fingerprint];
  return kms.isGone(authority.kms) ? [] : undefined;
};

const known = new LRUCache<string, readonly string[]>({ max: 64 });

/** SHA-256 over the DER of every certificate authority that issues to signers. */
const authorityFingerprints = (json: string): readonly string[] => {
  const before = known.get(json);
  if (before !== undefined) return before;
  const chains = TrustedRoot.fromJSON(JSON.parse(json)).certificateAuthorities;
  const certificates = chains.flatMap(({ certChain }) => certChain?.certificates ?? []);
  const fingerprints = certificates.map(
    ({ rawBytes }) => `sha256:${createHash("sha256").update(rawBytes).digest("hex")}`,
  );
  const sorted = [...new Set(fingerprints)].toSorted();
  known.set(json, sorted);
  return sorted;
};
