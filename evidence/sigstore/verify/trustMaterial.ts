import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toTrustMaterial, type TrustMaterial } from "@sigstore/verify";
import { LRUCache } from "lru-cache";

/** Parsing a trust root takes 2 ms, as long as a proof: each is kept, by its text. */
const parsed = new LRUCache<string, TrustMaterial>({ max: 64 });

/**
 * The certificates and keys of a `trusted_root.json`. Throws where it does not parse, or where it lacks the times
 * from which on its parts are valid: the library would take them for valid since ever.
 */
export const trustMaterialOf = (json: string): TrustMaterial => {
  const known = parsed.get(json);
  if (known !== undefined) return known;
  const root = TrustedRoot.fromJSON(JSON.parse(json));
  const starts = [
    ...[...root.certificateAuthorities, ...root.timestampAuthorities].map(({ validFor }) => validFor?.start),
    ...[...root.tlogs, ...root.ctlogs].map(({ publicKey }) => publicKey?.validFor?.start),
  ];
  if (starts.includes(undefined)) throw new Error("a part of the trust root has no validFor.start");
  const material = toTrustMaterial(root, () => {
    throw new Error("a trust root holds no signers' keys");
  });
  parsed.set(json, material);
  return material;
};
