import { bundleFromJSON, type Bundle, type TransparencyLogEntry } from "@sigstore/bundle";
import { TransparencyLogEntry as ProtoEntry } from "@sigstore/protobuf-specs";
import { Malformed, type Candidate, type ParsedSignature, type SignatureAnnotations } from "../find/candidate.ts";
import { LIMITS } from "../find/formats.ts";
import { hashesTo } from "./signatureContent.ts";
import { field, isObject, textField, type JsonObject } from "../../../json/fields.ts";
import { fromBase64, fromCanonicalBase64, fromDsseBase64 } from "./base64.ts";
import { parseObject } from "./parseObject.ts";

/** Parses a candidate into its signatures; throws Malformed for what cannot be what it says. */
export const parseSignatures = (candidate: Candidate): readonly ParsedSignature[] => {
  const bytes = Buffer.from(candidate.bytes.buffer, candidate.bytes.byteOffset, candidate.bytes.byteLength);
  const most = candidate.type === "simpleSigning" ? LIMITS.blob : LIMITS.attestation;
  if (bytes.length > most) throw new Malformed(`is larger than ${most / 1024 / 1024} MiB`, true);
  switch (candidate.type) {
    case "simpleSigning":
      return [readSimpleSigning(bytes, candidate.annotations)];
    case "envelope":
      return readEnvelope(bytes, candidate.annotations);
    case "bundle":
      return [readBundle(bytes)];
  }
};

const readSimpleSigning = (bytes: Buffer, annotations: SignatureAnnotations): ParsedSignature => {
  if (annotations.signature === undefined) throw new Malformed("has no signature annotation");
  return {
    content: { type: "message", bytes },
    signature: fromBase64(annotations.signature, "the signature"),
    ...material(annotations),
  };
};

/** Each signature of an envelope is one of its own: cosign makes one, other tools may make several. */
const readEnvelope = (bytes: Buffer, annotations: SignatureAnnotations): readonly ParsedSignature[] => {
  const json = parseObject(bytes, "the envelope");
  const payloadType = textField(json, "payloadType");
  const payload = textField(json, "payload");
  const signatures = field(json, "signatures");
  if (payloadType === undefined || payload === undefined || !Array.isArray(signatures) || signatures.length === 0)
    throw new Malformed("is no DSSE envelope with a signature");
  if (signatures.length > LIMITS.signatures) throw new Malformed(`has ${signatures.length} signatures`, true);
  const content = { type: "dsse", payloadType, payload: fromDsseBase64(payload, "the payload") } as const;
  const shared = material(annotations);
  return signatures.map((one: unknown): ParsedSignature => {
    const signature = fromDsseBase64(textField(one, "sig") ?? "", "the signature");
    return { content, signature, envelope: bytes, ...shared };
  });
};

/**
 * Reads a Sigstore bundle. A bundle with a bare message signature needs the file that was signed: its own digest of it is
 * compared here, since the library never does. On an image it says nothing: cosign signs images by statements.
 */
export const readBundle = (bytes: Buffer, artifact?: Buffer): ParsedSignature => {
  const json = parseObject(bytes, "the bundle");
  const material = field(json, "verificationMaterial");
  bounded(field(material, "tlogEntries"), LIMITS.entries, "log entries");
  bounded(field(field(material, "timestampVerificationData"), "rfc3161Timestamps"), LIMITS.timestamps, "timestamps");
  bounded(field(field(material, "x509CertificateChain"), "certificates"), LIMITS.certificates, "certificates");
  const bundle = parseBundle(json);

  const { content, verificationMaterial } = bundle;
  const key = verificationMaterial.content;
  const certificate =
    key.$case === "certificate"
      ? key.certificate.rawBytes
      : key.$case === "x509CertificateChain"
        ? key.x509CertificateChain.certificates[0]?.rawBytes
        : undefined;
  return {
    ...signedContent(content, artifact),
    ...(certificate === undefined ? {} : { certificate }),
    entries: verificationMaterial.tlogEntries,
    timestamps: (verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? []).map(
      ({ signedTimestamp }) => signedTimestamp,
    ),
  };
};

const signedContent = (
  content: Bundle["content"],
  artifact: Buffer | undefined,
): Pick<ParsedSignature, "content" | "signature"> => {
  if (content.$case === "dsseEnvelope") {
    const { payloadType, payload, signatures } = content.dsseEnvelope;
    const [signature] = signatures;
    if (signature === undefined) throw new Malformed("is a bundle without a signature");
    return { content: { type: "dsse", payloadType, payload }, signature: signature.sig };
  }
  if (artifact === undefined) throw new Malformed("is a bundle without a statement");
  const { signature, messageDigest } = content.messageSignature;
  if (!hashesTo(artifact, messageDigest.digest)) throw new Malformed("is a bundle about another file");
  return { content: { type: "message", bytes: artifact }, signature };
};

const parseBundle = (json: JsonObject): Bundle => {
  try {
    return bundleFromJSON(json);
  } catch (error) {
    // ValidationError names fields; everything else is a TypeError on garbage.
    throw new Malformed(
      `is no Sigstore bundle (${error instanceof Error ? error.message.slice(0, 100) : "unreadable"})`,
    );
  }
};

const bounded = (list: unknown, limit: number, what: string): void => {
  if (Array.isArray(list) && list.length > limit)
    throw new Malformed(`has ${list.length} ${what}; at most ${limit} are read`, true);
};

/** Certificate, log entry and timestamp out of the annotations that cosign writes on a layer. */
const material = (
  annotations: SignatureAnnotations,
): Pick<ParsedSignature, "certificate" | "entries" | "timestamps"> => {
  const { certificate, bundle, timestamp } = annotations;
  return {
    ...(certificate === undefined || certificate.trim() === "" ? {} : { certificate: firstCertificate(certificate) }),
    entries: bundle === undefined ? [] : [legacyEntry(parseObject(bundle, "the log entry"))],
    timestamps: timestamp === undefined ? [] : legacyTimestamp(parseObject(timestamp, "the timestamp")),
  };
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/;

const firstCertificate = (pem: string): Buffer => {
  const body = CERTIFICATE.exec(pem)?.[1];
  if (body === undefined) throw new Malformed("has a certificate annotation that is not PEM");
  return fromBase64(body.replaceAll(/\s/g, ""), "the certificate");
};

/** cosign's `{SignedEntryTimestamp, Payload: {body, integratedTime, logIndex, logID}}` as the entry it stands for. */
const legacyEntry = (json: JsonObject): TransparencyLogEntry => {
  const payload = field(json, "Payload");
  const set = textField(json, "SignedEntryTimestamp");
  const body = textField(payload, "body");
  const logId = textField(payload, "logID");
  const index = field(payload, "logIndex");
  const time = field(payload, "integratedTime");
  if (set === undefined || body === undefined || logId === undefined || !isCount(index) || !isCount(time))
    throw new Malformed("has a log entry without body, time or promise");
  if (!/^[0-9a-f]{64}$/.test(logId)) throw new Malformed("has a log entry of a malformed log id");
  const canonicalizedBody = fromCanonicalBase64(body, "the log entry's body");
  const kind = parseObject(canonicalizedBody, "the log entry's body");
  return {
    ...ProtoEntry.fromJSON({}),
    logIndex: String(index),
    logId: { keyId: Buffer.from(logId, "hex") },
    kindVersion: { kind: textField(kind, "kind") ?? "", version: textField(kind, "apiVersion") ?? "" },
    integratedTime: String(time),
    inclusionPromise: { signedEntryTimestamp: fromBase64(set, "the log's promise") },
    inclusionProof: undefined,
    canonicalizedBody,
  };
};

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const legacyTimestamp = (json: JsonObject): readonly Buffer[] => {
  const signed = textField(json, "SignedRFC3161Timestamp");
  if (!isObject(json) || signed === undefined) throw new Malformed("has a timestamp annotation without a timestamp");
  return [fromBase64(signed, "the timestamp")];
};
