import { Malformed, type ParsedSignature } from "../find/candidate.ts";
import { IN_TOTO, LIMITS, SIGN_PREDICATE } from "../find/formats.ts";
import { field, isObject, textField, type JsonObject } from "../../../json/fields.ts";
import { parseObject } from "./parseObject.ts";

/** What signed content says, whoever signed it. */
export interface SignedPayload {
  /** A bundle whose statement is an attestation is no signature (design.md section 9), nor the other way round. */
  readonly kind: "signature" | "attestation";
  /** Whether it names this digest. A signature covers exactly the manifest that it names. */
  readonly names: boolean;
  /** User annotations of a signature (`cosign sign -a`). */
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty for a simple signing payload. */
  readonly predicateType: string;
  readonly statement?: JsonObject;
}

const SIMPLE_SIGNING_TYPE = "cosign container image signature";
const STATEMENT_TYPES = new Set(["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"]);

/**
 * Reads what was signed. The library compares signatures with content and never content with an image: the digest here is
 * what binds. Throws Malformed.
 */
export const readSignedPayload = ({ content }: ParsedSignature, digest: string): SignedPayload => {
  if (content.type === "message") return readPayload(parseObject(content.bytes, "the payload"), digest);
  if (content.payloadType !== IN_TOTO)
    throw new Malformed("is an envelope of something else than an in-toto statement");
  return readStatement(parseObject(content.payload, "the statement"), digest);
};

/** https://github.com/containers/image, atomic-signature.md; `docker-reference` is not compared (design.md section 9). */
const readPayload = (json: JsonObject, digest: string): SignedPayload => {
  const critical = field(json, "critical");
  const named = textField(field(critical, "image"), "docker-manifest-digest");
  if (named === undefined) throw new Malformed("has a payload that names no digest");
  if (textField(critical, "type") !== SIMPLE_SIGNING_TYPE)
    throw new Malformed("has a payload that is no image signature");
  return {
    kind: "signature",
    names: named === digest,
    annotations: texts(field(json, "optional")),
    predicateType: "",
  };
};

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
const readStatement = (json: JsonObject, digest: string): SignedPayload => {
  if (!STATEMENT_TYPES.has(textField(json, "_type") ?? "")) throw new Malformed("is no in-toto statement");
  const predicateType = textField(json, "predicateType");
  const subjects = field(json, "subject");
  if (predicateType === undefined || predicateType === "" || !Array.isArray(subjects) || subjects.length === 0)
    throw new Malformed("is a statement without type or subject");
  if (subjects.length > LIMITS.subjects)
    throw new Malformed(`names ${subjects.length} subjects; at most ${LIMITS.subjects} are read`);
  const [algorithm = "", hex = ""] = digest.split(":");
  const about = subjects.filter((subject: unknown) => {
    const digests = field(subject, "digest");
    if (!isObject(digests)) throw new Malformed("names a subject without a digest");
    if (Object.keys(digests).length > LIMITS.digests) throw new Malformed("names a subject with too many digests");
    return textField(digests, algorithm) === hex;
  });
  const isSignature = predicateType === SIGN_PREDICATE;
  return {
    kind: isSignature ? "signature" : "attestation",
    names: about.length > 0,
    annotations: Object.assign({}, ...about.map((subject: unknown) => texts(field(subject, "annotations")))),
    predicateType,
    statement: json,
  };
};

const texts = (value: unknown): Record<string, string> =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
      )
    : {};
