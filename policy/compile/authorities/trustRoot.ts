import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toTrustMaterial } from "@sigstore/verify";
import { X509Certificate } from "node:crypto";
import { field, isObject } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";

/** What a verification will need of a trust root. */
export interface TrustRootNeeds {
  readonly certificateAuthorities: boolean;
  readonly certificateLogs: boolean;
  readonly transparencyLogs: boolean;
  readonly timestampAuthorities: boolean;
}

const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/;
/** Of a `trusted_root.json`. */
export const MAX_ROOT_BYTES: number = 1024 * 1024;
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

/** The media types of a `trusted_root.json`. */
export function isTrustRootType(mediaType: unknown): boolean {
  return typeof mediaType === "string" && MEDIA_TYPE.test(mediaType);
}

/**
 * Says what is wrong with a `trusted_root.json`, or undefined where it can be trusted with. `TrustedRoot.fromJSON`
 * takes anything, `{}` and strings included, and would leave an authority that refuses everything without saying why.
 */
export function checkTrustRoot(text: string, needs: TrustRootNeeds): string | undefined {
  if (text.length > MAX_ROOT_BYTES) return `is larger than ${MAX_ROOT_BYTES} bytes`;
  const json = parseText(text);
  if (!isObject(json)) return "is not a JSON object";
  const mediaType = field(json, "mediaType");
  if (!isTrustRootType(mediaType))
    return `has the mediaType ${JSON.stringify(mediaType) ?? "none"}; expected application/vnd.dev.sigstore.trustedroot+json;version=0.1`;
  try {
    const root = TrustedRoot.fromJSON(json);
    // Parses every certificate and every key.
    toTrustMaterial(root, {});
    return missing(root, needs) ?? unbounded(root) ?? unordered(root);
  } catch (error) {
    return `does not parse: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function missing(root: TrustedRoot, needs: TrustRootNeeds): string | undefined {
  const usable = (chains: TrustedRoot["certificateAuthorities"]): boolean =>
    chains.some((ca) => (ca.certChain?.certificates.length ?? 0) > 0);
  if (needs.certificateAuthorities && !usable(root.certificateAuthorities)) return "holds no certificateAuthorities";
  if (needs.certificateLogs && root.ctlogs.length === 0)
    return "holds no ctlogs, which keyless needs unless it says sct: Ignored";
  if (needs.transparencyLogs && root.tlogs.length === 0) return "holds no tlogs, which transparencyLog: Required needs";
  if (needs.timestampAuthorities && !usable(root.timestampAuthorities))
    return "holds no timestampAuthorities, which keyless with transparencyLog: Ignored needs";
  return undefined;
}

/**
 * The library takes a missing beginning for the beginning of time, although the format demands one, and a time that is
 * none for never.
 */
function unbounded(root: TrustedRoot): string | undefined {
  const parts = [
    ...(["certificateAuthorities", "timestampAuthorities"] as const).flatMap((list) =>
      root[list].map(({ validFor }, index) => ({ name: `${list}[${index}]`, validFor })),
    ),
    ...(["tlogs", "ctlogs"] as const).flatMap((list) =>
      root[list].map(({ publicKey }, index) => ({
        name: `${list}[${index}].publicKey`,
        validFor: publicKey?.validFor,
      })),
    ),
  ];
  for (const { name, validFor } of parts) {
    if (validFor?.start === undefined) return `${name} has no validFor.start`;
    for (const side of ["start", "end"] as const)
      if (validFor[side] !== undefined && Number.isNaN(validFor[side].getTime()))
        return `${name} has a validFor.${side} that is no time; write it as 2026-01-31T00:00:00Z`;
  }
  return undefined;
}

/** The verifier takes the first certificate of a timestamp authority for the one that signs. */
function unordered(root: TrustedRoot): string | undefined {
  for (const [index, authority] of root.timestampAuthorities.entries()) {
    const first = authority.certChain?.certificates[0];
    if (first === undefined) continue;
    const purposes: readonly string[] = new X509Certificate(first.rawBytes).keyUsage ?? [];
    if (!purposes.includes(TIME_STAMPING))
      return `timestampAuthorities[${index}]: the first certificate must be the one that signs timestamps`;
  }
  return undefined;
}
