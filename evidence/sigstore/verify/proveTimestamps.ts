import { RFC3161Timestamp } from "@sigstore/core";
import { Verifier, type SignedEntity, type TrustMaterial } from "@sigstore/verify";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { ParsedSignature } from "../find/candidate.ts";
import { boundedDer } from "./boundedDer.ts";
import type { SignatureContent } from "./signatureContent.ts";

/** A signed timestamp that a trusted authority made over this signature. */
export interface ProvedTimestamp {
  readonly time: Date;
  readonly entry: SignedEntity["timestamps"][number];
}

/**
 * The timestamps that verify. One that does not is as good as absent: an unknown authority's timestamp beside a good one
 * must not take the good one's word away.
 */
export const proveTimestamps = (
  { timestamps }: ParsedSignature,
  content: SignatureContent,
  material: TrustMaterial,
): readonly ProvedTimestamp[] => {
  const proved = new Map<string, ProvedTimestamp>();
  for (const der of timestamps) {
    const timestamp = proveTimestamp(der, content, material);
    if (timestamp !== undefined) proved.set(der.toString("base64"), timestamp);
  }
  return [...proved.values()];
};

let anyKey: KeyObject | undefined;

/** The library proves timestamps only as part of a whole, so the whole is made of nothing but the timestamp. */
const proveTimestamp = (
  der: Buffer,
  content: SignatureContent,
  material: TrustMaterial,
): ProvedTimestamp | undefined => {
  anyKey ??= generateKeyPairSync("ed25519").publicKey;
  const publicKey = anyKey;
  try {
    const timestamp = parseTimestamp(der);
    const entry = { $case: "timestamp-authority", timestamp } as const;
    const verifier = new Verifier(
      { ...material, publicKey: () => ({ publicKey, validFor: () => true }) },
      { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 1 },
    );
    verifier.verify({
      signature: { ...content, verifySignature: () => true },
      key: { $case: "public-key", hint: "" },
      tlogEntries: [],
      timestamps: [entry],
    });
    return { time: timestamp.signingTime, entry };
  } catch {
    return undefined;
  }
};

const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/;

/**
 * The library reads fractions of a second only where they have three digits; DER leaves out trailing zeros (X.690, 11.7.3), so
 * that one in ten timestamps of an authority with milliseconds would not hold.
 */
const parseTimestamp = (der: Buffer): RFC3161Timestamp => {
  const timestamp = RFC3161Timestamp.parse(boundedDer(der));
  const match = GENERALIZED_TIME.exec(timestamp.tstInfo.root.subs[4]?.value.toString("latin1") ?? "");
  if (match === null) throw new Error("a timestamp without a time");
  const [, year, month, day, hour, minute, second] = match;
  const value = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Object.defineProperty(timestamp, "signingTime", { value });
};

/** RFC 3339 of the earliest; undefined for none. */
export const earliest = (times: readonly Date[]): string | undefined =>
  times.length === 0 ? undefined : new Date(Math.min(...times.map((time) => time.getTime()))).toISOString();
