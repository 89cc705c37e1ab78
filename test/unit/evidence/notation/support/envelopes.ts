import { encode, Tagged } from "cborg";
import { constants, sign, type KeyObject } from "node:crypto";
import type { Target } from "../../../../../evidence/notation/verify/payload.ts";
import { derOf, NOW, privateKeyOf, type Identity } from "./pki.ts";

export type Format = "jws" | "cose";

/** What an envelope is made of, beside what fits. */
export interface EnvelopeOptions {
  readonly format?: Format;
  /** Instead of the leaf's own algorithm. */
  readonly algorithm?: string;
  /** Protected headers beside or instead of those that fit; undefined takes one away. Times are milliseconds in both formats. */
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly critical?: readonly unknown[];
  readonly payload?: unknown;
  readonly chain?: readonly Uint8Array[];
  readonly timestamp?: (signature: Buffer) => Buffer;
  /** Signs instead of the leaf's key. */
  readonly key?: KeyObject;
  readonly contentType?: string;
  /** Of unprotected headers. */
  readonly unprotected?: Readonly<Record<string, unknown>>;
}

export const IMAGE: Target = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: `sha256:${"ab".repeat(32)}`,
  size: 1234,
};

const SCHEME = "io.cncf.notary.signingScheme";
export const EXPIRY = "io.cncf.notary.expiry";
export const SIGNING_TIME = "io.cncf.notary.signingTime";
export const AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime";
const PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json";

const ALGORITHMS: Readonly<Record<string, string>> = {
  "P-256": "ES256",
  "P-384": "ES384",
  "P-521": "ES512",
  "RSA-2048": "PS256",
  "RSA-3072": "PS384",
  "RSA-4096": "PS512",
};
const COSE: Readonly<Record<string, number>> = {
  PS256: -37,
  PS384: -38,
  PS512: -39,
  ES256: -7,
  ES384: -35,
  ES512: -36,
};

const hashOf = (algorithm: string): string => `sha${algorithm.slice(2)}`;

const signed = (data: Buffer, algorithm: string, key: KeyObject): Buffer =>
  algorithm.startsWith("ES")
    ? sign(hashOf(algorithm), data, { key, dsaEncoding: "ieee-p1363" })
    : sign(hashOf(algorithm), data, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });

const timeOf = (format: Format, value: unknown): unknown =>
  typeof value !== "number"
    ? value
    : format === "jws"
      ? new Date(value).toISOString().replace(".000Z", "Z")
      : new Tagged(1, value / 1000);

/** A signature envelope as notation makes it, by a signer of ours: what is wrong with it is the test's choice. */
export const makeEnvelope = (signer: Identity, options: EnvelopeOptions = {}): Buffer => {
  const { format = "jws" } = options;
  const algorithm = options.algorithm ?? ALGORITHMS[signer.kind] ?? "ES256";
  const key = options.key ?? privateKeyOf(signer);
  const headers = Object.entries({ [SCHEME]: "notary.x509", [SIGNING_TIME]: NOW, ...options.headers }).filter(
    ([, value]) => value !== undefined,
  );
  const critical = options.critical ?? [
    SCHEME,
    ...headers.map(([name]) => name).filter((name) => name === EXPIRY || name === AUTHENTIC_TIME),
  ];
  const payload = Buffer.from(
    typeof options.payload === "string"
      ? options.payload
      : JSON.stringify(options.payload ?? { targetArtifact: IMAGE }),
  );
  const chain = (options.chain ?? signer.chain.map(derOf)).map((der) => Buffer.from(der));
  const { contentType = PAYLOAD_TYPE } = options;
  const timed = headers.map(([name, value]) => [name, timeOf(format, value)] as const);
  if (format === "jws") {
    const header = { alg: algorithm, cty: contentType, crit: critical, ...Object.fromEntries(timed) };
    const encoded = Buffer.from(JSON.stringify(header)).toString("base64url");
    const body = payload.toString("base64url");
    const signature = signed(Buffer.from(`${encoded}.${body}`), algorithm, key);
    return Buffer.from(
      JSON.stringify({
        payload: body,
        protected: encoded,
        header: {
          x5c: chain.map((der) => der.toString("base64")),
          ...(options.timestamp && {
            "io.cncf.notary.timestampSignature": options.timestamp(signature).toString("base64"),
          }),
          "io.cncf.notary.signingAgent": "test/1",
          ...options.unprotected,
        },
        signature: signature.toString("base64url"),
      }),
    );
  }
  const header = new Map<unknown, unknown>([
    [1, COSE[algorithm] ?? algorithm],
    [2, critical],
    [3, contentType],
    ...timed,
  ]);
  const encoded = encode(header);
  const signature = signed(Buffer.from(encode(["Signature1", encoded, new Uint8Array(), payload])), algorithm, key);
  const unprotected = new Map<unknown, unknown>([
    [33, chain],
    ...(options.timestamp ? [["io.cncf.notary.timestampSignature", options.timestamp(signature)] as const] : []),
    ["io.cncf.notary.signingAgent", "test/1"],
    ...Object.entries(options.unprotected ?? {}),
  ]);
  return Buffer.from(encode(new Tagged(18, [encoded, unprotected, payload, signature])));
};
