import "reflect-metadata";
import { dsse } from "@sigstore/core";
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  tsaHandler,
} from "@sigstore/mock";
import * as x509 from "@peculiar/x509";
import { createHash, generateKeyPairSync, sign, webcrypto, type KeyObject } from "node:crypto";
import { FULCIO_ARC, FULCIO_CLAIMS } from "../../../../policy/compile/authorities/fulcioClaims.ts";

const sha256 = (data: Uint8Array): Buffer => createHash("sha256").update(data).digest();
const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n")}\n-----END ${label}-----\n`;
const spki = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });
const MINUTE = 60_000;

/** What a certificate says; every part can be wrong. */
export interface CertificateOptions {
  readonly issuer?: string;
  readonly subject?: string;
  readonly subjectType?: "url" | "email" | "dns";
  readonly claims?: Readonly<Record<string, string>>;
  /** Code signing where not given. */
  readonly usages?: readonly string[];
  readonly isCA?: boolean;
  readonly withoutSct?: boolean;
  /** Values of extensions by their OID, in place of those that the other options make. */
  readonly extensions?: Readonly<Record<string, Uint8Array>>;
  /** OIDs of those of `extensions` that are critical. */
  readonly critical?: readonly string[];
}

/** Somebody who can sign: a key, and for the keyless its certificate. */
export interface Hand {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** DER. */
  readonly certificate?: Buffer;
}

export interface LogOptions {
  /** v1: Rekor's promise and proof; v2: proof only, with an RFC 3161 timestamp. */
  readonly log?: "v1" | "v2" | "none";
  /** How much later than the certificate the log says that it was told; milliseconds. */
  readonly later?: number;
  readonly timestamp?: boolean;
  /** Whoever the log entry is about; the signer where not given. */
  readonly entryBy?: Hand;
  /** One more entry about the same signature, by somebody else. */
  readonly alsoBy?: Hand;
  /** An entry over other bytes. */
  readonly entryAbout?: Uint8Array;
}

/** The parts of a `trusted_root.json` that tests take apart. */
export interface TrustedRootJson {
  mediaType: string;
  tlogs: Record<string, unknown>[];
  certificateAuthorities: Record<string, unknown>[];
  ctlogs: Record<string, unknown>[];
  timestampAuthorities: Record<string, unknown>[];
}

export interface SigstoreInstance {
  readonly root: TrustedRootJson;
  readonly trustedRoot: string;
  /** A certificate as Fulcio makes them, or one that is wrong in some way. */
  readonly issue: (options?: CertificateOptions) => Promise<Hand & { readonly certificate: Buffer }>;
  /** A Sigstore bundle v0.3 over an in-toto statement. */
  readonly bundle: (hand: Hand, statement: object, options?: LogOptions) => Promise<BundleJson>;
  /** The annotations that cosign writes on a layer, for a payload (hashedrekord) or an envelope (dsse, or the old intoto). */
  readonly annotations: (
    hand: Hand,
    payload: Uint8Array,
    options?: LogOptions & { readonly envelope?: "dsse" | "intoto"; readonly signature?: Buffer },
  ) => Promise<Record<string, string>>;
  /** What its services answer to a POST at this path: Fulcio, Rekor v1 and v2, the timestamp authority. undefined: there is none. */
  readonly answer: (path: string, body: string) => Promise<ServiceAnswer | undefined>;
}

export type ServiceAnswer = Awaited<ReturnType<ReturnType<typeof fulcioHandler>["fn"]>>;

/** What Rekor v1 answers (the mock's own type is not exported). */
interface RekorEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logIndex: number;
  readonly logID: string;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: { readonly rootHash: string; readonly checkpoint: string };
  };
}

/** A whole Sigstore instance in memory: certificate authority, certificate log, transparency logs, timestamp authority. */
export const sigstoreInstance = async (): Promise<SigstoreInstance> => {
  const [caKeys, ctKeys, logKeys, log2Keys, tsaKeys] = [pair(), pair(), pair(), pair(), pair()];
  const ctLog = await initializeCTLog(ctKeys);
  const ca = await initializeCA(caKeys, ctLog);
  const tsa = await initializeTSA(tsaKeys);
  const start = new Date(Date.now() - MINUTE).toISOString();
  const logOf = (keys: ReturnType<typeof pair>, baseUrl: string): Record<string, unknown> => ({
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: {
      rawBytes: spki(keys.publicKey).toString("base64"),
      keyDetails: "PKIX_ECDSA_P256_SHA_256",
      validFor: { start },
    },
    logId: { keyId: sha256(spki(keys.publicKey)).toString("base64") },
  });
  const chain = (...certificates: ArrayBufferView[]): Record<string, unknown> => ({
    certChain: {
      certificates: certificates.map((one) => ({
        rawBytes: Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString("base64"),
      })),
    },
    validFor: { start },
  });
  const root: TrustedRootJson = {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [logOf(logKeys, "https://rekor.example.com"), logOf(log2Keys, "https://log2.example.com")],
    certificateAuthorities: [
      {
        subject: { organization: "test", commonName: "test" },
        uri: "https://fulcio.example.com",
        ...chain(ca.rootCertificate),
      },
    ],
    ctlogs: [logOf(ctKeys, "https://ct.example.com")],
    timestampAuthorities: [
      {
        subject: { organization: "test", commonName: "test" },
        uri: "https://tsa.example.com",
        ...chain(tsa.intCertificate, tsa.rootCertificate),
      },
    ],
  };

  const webKey = async (key: KeyObject, usages: webcrypto.KeyUsage[]): Promise<webcrypto.CryptoKey> =>
    webcrypto.subtle.importKey(
      "jwk",
      key.export({ format: "jwk" }),
      { name: "ECDSA", namedCurve: "P-256" },
      true,
      usages,
    );

  const issue: SigstoreInstance["issue"] = async (options = {}) => {
    const keys = pair();
    const {
      issuer = "https://issuer.example.com",
      subject = "https://example.com/workflow@refs/heads/main",
      subjectType = "url",
    } = options;
    const { claims = {}, usages = [x509.ExtendedKeyUsage.codeSigning], isCA = false, withoutSct = false } = options;
    const { extensions = {}, critical = ["2.5.29.17"] } = options;
    const publicKey = await webKey(keys.publicKey, ["verify"]);
    const now = new Date();
    const text = (value: string): Uint8Array =>
      Buffer.concat([Buffer.from([0x0c, ...lengthOf(value)]), Buffer.from(value)]);
    const named = Object.entries(claims).map(([name, value]) => {
      const number = FULCIO_CLAIMS.get(name)!;
      return new x509.Extension(`${FULCIO_ARC}.${number}`, false, number < 8 ? Buffer.from(value) : text(value));
    });
    const tbs = {
      serialNumber: "11182004",
      notBefore: now,
      notAfter: new Date(now.getTime() + 10 * MINUTE),
      issuer: "CN=sigstore,O=sigstore.mock",
      publicKey,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-384" },
      signingKey: await webKey(caKeys.privateKey, ["sign"]),
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...(usages.length > 0 ? [new x509.ExtendedKeyUsageExtension([...usages])] : []),
        ...(isCA ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
        new x509.SubjectAlternativeNameExtension([{ type: subjectType, value: subject }], true),
        await x509.AuthorityKeyIdentifierExtension.create(await webKey(caKeys.publicKey, ["verify"]), false, webcrypto),
        new x509.Extension(`${FULCIO_ARC}.8`, false, text(issuer)),
        ...named,
      ].filter(({ type }) => !Object.hasOwn(extensions, type)),
    };
    for (const [type, value] of Object.entries(extensions))
      tbs.extensions.push(new x509.Extension(type, critical.includes(type), value));
    if (!withoutSct) {
      const preCertificate = await x509.X509CertificateGenerator.create(tbs, webcrypto);
      const sct = Buffer.from(
        await ctLog.log(preCertificate.rawData, sha256(spki(caKeys.publicKey)).buffer as ArrayBuffer),
      );
      const list = Buffer.concat([Buffer.from([0, sct.length]), sct]);
      tbs.extensions.push(
        new x509.Extension("1.3.6.1.4.1.11129.2.4.2", false, Buffer.concat([Buffer.from([0x04, list.length]), list])),
      );
    }
    const certificate = await x509.X509CertificateGenerator.create(tbs, webcrypto);
    return { ...keys, certificate: Buffer.from(certificate.rawData) };
  };

  const verifierPem = (hand: Hand): string =>
    Buffer.from(
      hand.certificate === undefined ? pem("PUBLIC KEY", spki(hand.publicKey)) : pem("CERTIFICATE", hand.certificate),
    ).toString("base64");

  const timestampOf = async (signature: Buffer): Promise<string> => {
    const response = await tsa.timestamp({
      artifactHash: sha256(signature),
      hashAlgorithmOID: "2.16.840.1.101.3.4.2.1",
      nonce: 1,
      policyOID: "1.3.6.1.4.1.57264.2",
    });
    return Buffer.from(response.buffer, response.byteOffset, response.byteLength).toString("base64");
  };

  const logV1 = async (body: object, later: number): Promise<RekorEntry> => {
    const log = await initializeTLog("https://rekor.example.com", logKeys, new Date(Date.now() + later));
    return Object.values((await log.log(body)) as unknown as Record<string, RekorEntry>)[0]!;
  };

  const entryV1 = async (kind: string, body: object, later: number): Promise<object> => {
    const entry = await logV1(body, later);
    const proof = entry.verification.inclusionProof;
    return {
      logIndex: String(entry.logIndex),
      logId: { keyId: Buffer.from(entry.logID, "hex").toString("base64") },
      kindVersion: { kind, version: "0.0.1" },
      integratedTime: String(entry.integratedTime),
      inclusionPromise: { signedEntryTimestamp: entry.verification.signedEntryTimestamp },
      inclusionProof: {
        logIndex: "0",
        treeSize: "1",
        rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"),
        hashes: [],
        checkpoint: { envelope: proof.checkpoint },
      },
      canonicalizedBody: entry.body,
    };
  };

  const dsseBody = (hand: Hand, payload: Uint8Array, signature: Buffer, version: "0.0.1" | "0.0.2"): object => {
    const digest = sha256(payload);
    if (version === "0.0.1")
      return {
        apiVersion: version,
        kind: "dsse",
        spec: {
          envelopeHash: { algorithm: "sha256", value: digest.toString("hex") },
          payloadHash: { algorithm: "sha256", value: digest.toString("hex") },
          signatures: [{ signature: signature.toString("base64"), verifier: verifierPem(hand) }],
        },
      };
    const verifier =
      hand.certificate === undefined
        ? { publicKey: { rawBytes: spki(hand.publicKey).toString("base64") }, keyDetails: "PKIX_ECDSA_P256_SHA_256" }
        : { x509Certificate: { rawBytes: hand.certificate.toString("base64") }, keyDetails: "PKIX_ECDSA_P256_SHA_256" };
    return {
      apiVersion: version,
      kind: "dsse",
      spec: {
        dsseV002: {
          payloadHash: { algorithm: "SHA2_256", digest: digest.toString("base64") },
          signatures: [{ content: signature.toString("base64"), verifier }],
        },
      },
    };
  };

  const entryV2 = async (body: object): Promise<object> => {
    const log = await initializeTLog("https://log2.example.com", log2Keys);
    const entry = await log.logV2(body as never);
    return {
      logIndex: "0",
      logId: { keyId: entry.logId!.keyId.toString("base64") },
      kindVersion: { kind: "dsse", version: "0.0.2" },
      inclusionProof: {
        logIndex: "0",
        treeSize: "1",
        rootHash: entry.inclusionProof!.rootHash.toString("base64"),
        hashes: [],
        checkpoint: entry.inclusionProof!.checkpoint,
      },
      canonicalizedBody: entry.canonicalizedBody.toString("base64"),
    };
  };

  const bundle: SigstoreInstance["bundle"] = async (hand, statement, options = {}) => {
    const { log = "v1", later = 0, entryBy = hand, timestamp = log === "v2" } = options;
    const payload = Buffer.from(JSON.stringify(statement));
    const payloadType = "application/vnd.in-toto+json";
    const signature = sign("sha256", dsse.preAuthEncoding(payloadType, payload), hand.privateKey);
    const about = Buffer.from(options.entryAbout ?? payload);
    const entryOf = (by: Hand): Promise<object> =>
      log === "v1"
        ? entryV1("dsse", dsseBody(by, about, signature, "0.0.1"), later)
        : entryV2(dsseBody(by, about, signature, "0.0.2"));
    const loggers = options.alsoBy === undefined ? [entryBy] : [entryBy, options.alsoBy];
    const entries = log === "none" ? [] : await Promise.all(loggers.map(entryOf));
    return {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        ...(hand.certificate === undefined
          ? { publicKey: { hint: "" } }
          : { certificate: { rawBytes: hand.certificate.toString("base64") } }),
        tlogEntries: entries,
        timestampVerificationData: {
          rfc3161Timestamps: timestamp ? [{ signedTimestamp: await timestampOf(signature) }] : [],
        },
      },
      dsseEnvelope: {
        payload: payload.toString("base64"),
        payloadType,
        signatures: [{ sig: signature.toString("base64") }],
      },
    };
  };

  const annotations: SigstoreInstance["annotations"] = async (hand, payload, options = {}) => {
    const { log = "v1", later = 0, entryBy = hand, timestamp = false, envelope } = options;
    const signature = options.signature ?? sign("sha256", payload, hand.privateKey);
    const about = Buffer.from(options.entryAbout ?? payload);
    const body =
      envelope === "dsse"
        ? dsseBody(entryBy, envelopePayload(about), signature, "0.0.1")
        : envelope === "intoto"
          ? {
              apiVersion: "0.0.1",
              kind: "intoto",
              spec: {
                content: {
                  hash: { algorithm: "sha256", value: sha256(about).toString("hex") },
                  payloadHash: { algorithm: "sha256", value: sha256(envelopePayload(about)).toString("hex") },
                },
                publicKey: verifierPem(entryBy),
              },
            }
          : {
              apiVersion: "0.0.1",
              kind: "hashedrekord",
              spec: {
                data: { hash: { algorithm: "sha256", value: sha256(about).toString("hex") } },
                signature: { content: signature.toString("base64"), publicKey: { content: verifierPem(entryBy) } },
              },
            };
    const entry = log === "none" ? undefined : await logV1(body, later);
    return {
      "dev.cosignproject.cosign/signature": envelope === undefined ? signature.toString("base64") : "",
      ...(hand.certificate && { "dev.sigstore.cosign/certificate": pem("CERTIFICATE", hand.certificate) }),
      ...(entry && {
        "dev.sigstore.cosign/bundle": JSON.stringify({
          SignedEntryTimestamp: entry.verification.signedEntryTimestamp,
          Payload: {
            body: entry.body,
            integratedTime: entry.integratedTime,
            logIndex: entry.logIndex,
            logID: entry.logID,
          },
        }),
      }),
      ...(timestamp && {
        "dev.sigstore.cosign/rfc3161timestamp": JSON.stringify({
          SignedRFC3161Timestamp: await timestampOf(signature),
        }),
      }),
    };
  };

  const mocked = [fulcioHandler(ca), tsaHandler(tsa)];
  const answer: SigstoreInstance["answer"] = async (path, body) => {
    const json = (value: object): ServiceAnswer => ({
      statusCode: 201,
      response: JSON.stringify(value),
      contentType: "application/json",
    });
    if (path === "/api/v1/log/entries") return json(await rekorV1(body));
    if (path === "/api/v2/log/entries") return json(await rekorV2(body));
    return mocked.find((service) => service.path === path)?.fn(body);
  };
  // The mocked log keeps what is proposed, where a log keeps an entry of its own form (sigstore/rekor pkg/types/dsse).
  const rekorV1 = async (body: string): Promise<object> => {
    const { spec } = JSON.parse(body) as {
      spec: { proposedContent: { envelope: string; verifiers: [string] } };
    };
    const { envelope, verifiers } = spec.proposedContent;
    const { payload, signatures } = JSON.parse(envelope) as { payload: string; signatures: [{ sig: string }] };
    const log = await initializeTLog("https://rekor.example.com", logKeys);
    return log.log({
      apiVersion: "0.0.1",
      kind: "dsse",
      spec: {
        envelopeHash: { algorithm: "sha256", value: sha256(Buffer.from(envelope)).toString("hex") },
        payloadHash: { algorithm: "sha256", value: sha256(Buffer.from(payload, "base64")).toString("hex") },
        signatures: [{ signature: signatures[0].sig, verifier: verifiers[0] }],
      },
    });
  };
  const rekorV2 = async (body: string): Promise<object> => {
    const { dsseRequestV002: request } = JSON.parse(body) as {
      dsseRequestV002: { envelope: { payload: string; signatures: [{ sig: string }] }; verifiers: [object] };
    };
    return entryV2({
      apiVersion: "0.0.2",
      kind: "dsse",
      spec: {
        dsseV002: {
          payloadHash: {
            algorithm: "SHA2_256",
            digest: sha256(Buffer.from(request.envelope.payload, "base64")).toString("base64"),
          },
          signatures: [{ content: request.envelope.signatures[0].sig, verifier: request.verifiers[0] }],
        },
      },
    });
  };

  return { root, trustedRoot: JSON.stringify(root), issue, bundle, annotations, answer };
};

/** A bundle whose parts tests put out of shape. */
export interface BundleJson {
  mediaType: string;
  verificationMaterial: {
    tlogEntries: unknown[];
    timestampVerificationData: { rfc3161Timestamps: unknown[] };
  } & Record<string, unknown>;
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
}

const lengthOf = (value: string): number[] => {
  const { length } = Buffer.from(value);
  return length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
};

const envelopePayload = (envelope: Uint8Array): Buffer =>
  Buffer.from((JSON.parse(Buffer.from(envelope).toString()) as { payload: string }).payload, "base64");

/** A key pair for signers without a certificate. */
export const keyHand = (): Hand => pair();

/** PEM of a hand's public key. */
export const publicPem = ({ publicKey }: Hand): string => pem("PUBLIC KEY", spki(publicKey));

/** A DSSE envelope as cosign keeps it in `.att` layers. */
export const envelopeOf = (hand: Hand, statement: object): { readonly bytes: Buffer; readonly signature: Buffer } => {
  const payload = Buffer.from(JSON.stringify(statement));
  const payloadType = "application/vnd.in-toto+json";
  const signature = sign("sha256", dsse.preAuthEncoding(payloadType, payload), hand.privateKey);
  const envelope = {
    payloadType,
    payload: payload.toString("base64"),
    signatures: [{ keyid: "", sig: signature.toString("base64") }],
  };
  return { bytes: Buffer.from(JSON.stringify(envelope)), signature };
};

/** cosign's payload of an image signature. */
export const payloadOf = (digest: string, optional: object | null = null): Buffer =>
  Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "" },
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
      optional,
    }),
  );

/** An in-toto statement about a digest. */
export const statementOf = (
  digest: string,
  predicateType: string,
  predicate: object = {},
  annotations?: object,
): object => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name: "", digest: { sha256: digest.replace("sha256:", "") }, ...(annotations && { annotations }) }],
  predicateType,
  predicate,
});

export const SIGN = "https://sigstore.dev/cosign/sign/v1";
