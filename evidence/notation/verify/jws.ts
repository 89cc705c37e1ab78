import { field, isObject, textField, type JsonObject } from "../../../json/fields.ts";
import { parseJson } from "../../../json/parse.ts";
import { parseRfc3339 } from "../../../policy/rfc3339.ts";
import { Malformed } from "../proof.ts";
import type { Algorithm } from "./algorithm.ts";
import { readAttributes, shown } from "./attributes.ts";
import { LIMITS, PAYLOAD_TYPE, TIMESTAMP, type Envelope } from "./envelope.ts";

const ALGORITHMS: ReadonlySet<string> = new Set(["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]);
const FIELDS = new Set(["payload", "protected", "header", "signature"]);
/** Read by their exact names only; see `readAttributes`. */
const REGISTERED = new Set(["alg", "cty", "crit"]);

/** Flattened JWS JSON (signature-envelope-jws.md, RFC 7515). Throws Malformed. */
export const readJws = (bytes: Uint8Array): Envelope => {
  const json = parseObject(bytes, "it");
  // "No additional top level fields are supported": `signatures` of the general form among them.
  const other = Object.keys(json).find((name) => !FIELDS.has(name));
  if (other !== undefined) throw new Malformed(`has the field ${shown(other)}, which a signature does not have`);
  const encoded = textField(json, "protected") ?? "";
  const payload = textField(json, "payload") ?? "";
  const header = parseObject(base64Url(encoded, "the protected header"), "the protected header");

  const algorithm = field(header, "alg");
  if (!isAlgorithm(algorithm))
    throw new Malformed(`has the algorithm ${shown(algorithm)}, which is not one of these signatures`);
  if (field(header, "cty") !== PAYLOAD_TYPE)
    throw new Malformed(`has content of the type ${shown(field(header, "cty"))}`);
  const critical = field(header, "crit");
  if (!Array.isArray(critical) || critical.length === 0) throw new Malformed("has no critical headers");
  for (const name of Object.keys(header))
    if (!REGISTERED.has(name) && REGISTERED.has(name.toLowerCase()))
      throw new Malformed(`spells the header ${name.toLowerCase()} in another way`);

  const unprotected = field(json, "header");
  const timestamp = field(unprotected, TIMESTAMP);
  return {
    attributes: readAttributes(new Map(Object.entries(header)), critical, timeOf),
    algorithm,
    payload: base64Url(payload, "the payload"),
    signed: Buffer.from(`${encoded}.${payload}`, "latin1"),
    signature: base64Url(textField(json, "signature") ?? "", "the signature"),
    salt: "any",
    chain: chainOf(field(unprotected, "x5c")),
    ...(timestamp === undefined || timestamp === "" ? {} : { timestamp: base64(timestamp, "the timestamp") }),
  };
};

const isAlgorithm = (value: unknown): value is Algorithm => typeof value === "string" && ALGORITHMS.has(value);

const timeOf = (value: unknown): number | undefined => (typeof value === "string" ? parseRfc3339(value) : undefined);

const chainOf = (value: unknown): readonly Buffer[] => {
  if (!Array.isArray(value) || value.length === 0) throw new Malformed("has no certificates");
  if (value.length > LIMITS.certificates)
    throw new Malformed(`has ${value.length} certificates; at most ${LIMITS.certificates} are read`);
  return value.map((one: unknown) => base64(one, "a certificate"));
};

const parseObject = (bytes: Uint8Array, what: string): JsonObject => {
  const parsed = parseJson(bytes);
  if (parsed.status === "malformed") throw new Malformed(`cannot be read: ${what} ${parsed.message}`);
  if (!isObject(parsed.value)) throw new Malformed(`cannot be read: ${what} is no JSON object`);
  return parsed.value;
};

/** Only as an encoder writes it: what other decoders pass over would be another text under the same signature. */
const base64Url = (text: string, what: string): Buffer => {
  const bytes = Buffer.from(text, "base64url");
  if (text === "" || bytes.toString("base64url") !== text)
    throw new Malformed(`cannot be read: ${what} is no base64url`);
  return bytes;
};

const base64 = (value: unknown, what: string): Buffer => {
  const bytes = typeof value === "string" ? Buffer.from(value, "base64") : Buffer.alloc(0);
  if (bytes.length === 0 || bytes.toString("base64") !== value)
    throw new Malformed(`cannot be read: ${what} is no base64`);
  return bytes;
};
