import type { TransparencyLogEntry } from "@sigstore/bundle";
import { json as canonicalJson } from "@sigstore/core";
import type { TrustMaterial } from "@sigstore/verify";
import { createHash, createPublicKey, verify, X509Certificate, type KeyObject } from "node:crypto";
import type { ParsedSignature } from "../find/candidate.ts";
import { field, textField, type JsonObject } from "../../../json/fields.ts";
import { parseObject } from "./parseObject.ts";

/** Whoever a log entry must be about: a bare key, or the leaf certificate. */
export interface EntrySigner {
  readonly key: KeyObject;
  /** DER. */
  readonly certificate?: Buffer;
}

/**
 * Whether the entry was made by this signer. The library compares an entry's digest and signature and never its key: without
 * this, a valid entry of somebody else lends its time and its promise (GHSA-whqx-f9j3-ch6m, CVE-2026-22703).
 */
const entryIsBy = (entry: TransparencyLogEntry, signer: EntrySigner): boolean => {
  try {
    const recorded = verifierOf(parseObject(entry.canonicalizedBody, "the log entry's body"));
    if (recorded === undefined) return false;
    if (recorded.certificate !== undefined) {
      return signer.certificate === undefined
        ? sameKey(new X509Certificate(recorded.certificate).publicKey, signer.key)
        : recorded.certificate.equals(signer.certificate);
    }
    return signer.certificate === undefined && recorded.key !== undefined && sameKey(recorded.key, signer.key);
  } catch {
    return false;
  }
};

const sameKey = (a: KeyObject, b: KeyObject): boolean => a.equals(b);

interface Recorded {
  readonly key?: KeyObject;
  readonly certificate?: Buffer;
}

const verifierOf = (body: JsonObject): Recorded | undefined => {
  const spec = field(body, "spec");
  switch (`${textField(body, "kind")} ${textField(body, "apiVersion")}`) {
    case "hashedrekord 0.0.1":
      return fromPem(textField(field(field(spec, "signature"), "publicKey"), "content"));
    case "dsse 0.0.1":
      return fromPem(textField(first(field(spec, "signatures")), "verifier"));
    case "intoto 0.0.1":
      return fromPem(textField(spec, "publicKey"));
    case "intoto 0.0.2":
      return fromPem(textField(first(field(field(field(spec, "content"), "envelope"), "signatures")), "publicKey"));
    case "hashedrekord 0.0.2":
      return fromVerifier(field(field(field(spec, "hashedRekordV002"), "signature"), "verifier"));
    case "dsse 0.0.2":
      return fromVerifier(field(first(field(field(spec, "dsseV002"), "signatures")), "verifier"));
    default:
      return undefined;
  }
};

const first = (list: unknown): unknown => (Array.isArray(list) ? list[0] : undefined);

const PEM = /^\s*-----BEGIN (CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;

/** Rekor v1 keeps PEM in base64; of a chain the first certificate is the signer's. */
const fromPem = (encoded: string | undefined): Recorded | undefined => {
  const match = PEM.exec(Buffer.from(encoded ?? "", "base64").toString("latin1"));
  if (match === null) return undefined;
  const der = Buffer.from(match[2] ?? "", "base64");
  return match[1] === "CERTIFICATE" ? { certificate: der } : { key: spki(der) };
};

/** Rekor v2 keeps DER in base64. */
const fromVerifier = (verifier: unknown): Recorded | undefined => {
  const certificate = textField(field(verifier, "x509Certificate"), "rawBytes");
  if (certificate !== undefined) return { certificate: Buffer.from(certificate, "base64") };
  const key = textField(field(verifier, "publicKey"), "rawBytes");
  return key === undefined ? undefined : { key: spki(Buffer.from(key, "base64")) };
};

const spki = (der: Buffer): KeyObject => createPublicKey({ key: der, format: "der", type: "spki" });

export type LogCheck =
  /** `remaining`: the entries that the library has yet to prove. */
  | { readonly status: "sound"; readonly remaining: readonly TransparencyLogEntry[] }
  | { readonly status: "faulty"; readonly message: string };

/** What the library does not ask of a signature's log entries: that there is one, and that each is this signer's. */
export const logFault = (signed: ParsedSignature, signer: EntrySigner, material: TrustMaterial): LogCheck => {
  if (signed.entries.length === 0) return { status: "faulty", message: "has no transparency log entry" };
  if (!signed.entries.every((entry) => entryIsBy(entry, signer)))
    return { status: "faulty", message: "has a log entry of another signer" };
  const old = signed.entries.filter(isOldIntoto);
  if (!old.every((entry) => provesOldIntoto(entry, signed, material.tlogs)))
    return { status: "faulty", message: "has a log entry of something else or of an untrusted log" };
  return { status: "sound", remaining: signed.entries.filter((entry) => !isOldIntoto(entry)) };
};

/** Entries whose time the log itself signed for; inclusion proofs do not vouch for `integratedTime` (CVE-2026-48816). */
export const promisedEntries = (entries: readonly TransparencyLogEntry[]): readonly TransparencyLogEntry[] =>
  entries.filter(
    ({ inclusionPromise, integratedTime }) => inclusionPromise !== undefined && Number(integratedTime) > 0,
  );

export const timeOf = ({ integratedTime }: TransparencyLogEntry): Date => new Date(Number(integratedTime) * 1000);

/**
 * Whether the log that an entry names was in use at `time`. The library asks this for promises only; a retired log's
 * key could otherwise still prove inclusion.
 */
export const logInUse = (entry: TransparencyLogEntry, time: Date, logs: TrustMaterial["tlogs"]): boolean =>
  logs.some(({ logID, validFor }) => logID.equals(entry.logId.keyId) && validFor.start <= time && time <= validFor.end);

/** Entries of `.att` layers that cosign made before 2.2. The library knows only version 0.0.2. */
const isOldIntoto = ({ kindVersion }: TransparencyLogEntry): boolean =>
  kindVersion.kind === "intoto" && kindVersion.version === "0.0.1";

/**
 * Proves an `intoto` 0.0.1 entry: the log promised it (RFC 8785 over body, time, index and log), and it is about
 * this envelope, byte by byte, as cosign compares it (`pkg/cosign/verify.go`, bundleHash).
 */
const provesOldIntoto = (
  entry: TransparencyLogEntry,
  signed: ParsedSignature,
  logs: TrustMaterial["tlogs"],
): boolean => {
  const { envelope, content } = signed;
  const promise = entry.inclusionPromise?.signedEntryTimestamp;
  if (envelope === undefined || content.type !== "dsse" || promise === undefined) return false;
  const time = timeOf(entry);
  const payload = Buffer.from(
    canonicalJson.canonicalize({
      body: entry.canonicalizedBody.toString("base64"),
      integratedTime: Number(entry.integratedTime),
      logIndex: Number(entry.logIndex),
      logID: entry.logId.keyId.toString("hex"),
    }),
  );
  const promised = logs.some((log) => logInUse(entry, time, [log]) && verifySafely(payload, log.publicKey, promise));
  if (!promised) return false;
  const about = field(field(parseObject(entry.canonicalizedBody, "the log entry's body"), "spec"), "content");
  return hashes(field(about, "hash"), envelope) && hashes(field(about, "payloadHash"), content.payload);
};

const hashes = (hash: unknown, data: Buffer): boolean =>
  textField(hash, "algorithm") === "sha256" &&
  textField(hash, "value") === createHash("sha256").update(data).digest("hex");

const verifySafely = (data: Buffer, key: KeyObject, signature: Buffer): boolean => {
  try {
    // Rekor's own keys are ECDSA or Ed25519, with the key's usual hash.
    return verify(key.asymmetricKeyType === "ed25519" ? null : "sha256", data, key, signature);
  } catch {
    return false;
  }
};
