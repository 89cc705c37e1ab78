import { parseDer } from "../../../../../evidence/notation/verify/asn1.ts";
import { createHash, sign } from "node:crypto";
import { bits, der, extension, integer, nothing, octets, oid, sequence, set, time } from "./der.ts";
import { derOf, NOW, privateKeyOf, type Identity } from "./pki.ts";

const HASHES: Readonly<Record<string, string>> = {
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
};
const algorithm = (id: string, ...parameters: readonly Buffer[]): Buffer => sequence(oid(id), ...parameters);
const hashAlgorithm = (hash: string): Buffer => algorithm(HASHES[hash] ?? hash, nothing);
const digest = (hash: string, bytes: Uint8Array): Buffer => createHash(hash).update(bytes).digest();

/** SHA-256 with the signer's kind of key. */
const signatureAlgorithm = ({ kind }: Identity): Buffer =>
  kind.startsWith("RSA") ? algorithm("1.2.840.113549.1.1.11", nothing) : algorithm("1.2.840.10045.4.3.2");
const signature = (signer: Identity, bytes: Buffer): Buffer =>
  sign("sha256", bytes, { key: privateKeyOf(signer), dsaEncoding: "der" });

interface Names {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly serial: Buffer;
  /** Bits of the key. */
  readonly key: Buffer;
}

const names = new WeakMap<Identity, Names>();

const namesOf = (identity: Identity): Names => {
  const known = names.get(identity) ?? readNames(identity);
  names.set(identity, known);
  return known;
};

const readNames = ({ certificate }: Identity): Names => {
  const fields = parseDer(derOf(certificate)).subs[0]?.subs ?? [];
  const [, serial, , issuer, , subject, key] = fields;
  if (!serial || !issuer || !subject || !key) throw new Error("not a certificate");
  return {
    issuer: issuer.raw,
    subject: subject.raw,
    serial: serial.raw,
    key: Buffer.from(key.subs[1]?.value.subarray(1) ?? []),
  };
};

export interface TokenOptions {
  /** Milliseconds. */
  readonly at?: number;
  readonly hash?: string;
  readonly digestHash?: string;
  /** Milliseconds. */
  readonly accuracy?: number;
  readonly policy?: string;
  readonly version?: number;
  /** In the token; the signer's chain. */
  readonly certificates?: readonly Uint8Array[];
  /** Whose certificate the signed attributes name; undefined: nobody's. */
  readonly bound?: Identity | undefined;
  readonly boundHash?: string;
  readonly signedAs?: string;
  readonly contentType?: string;
  /** Says when it was signed. */
  readonly signingTime?: number;
  /** Changes what is signed, afterwards. */
  readonly alter?: (info: Buffer) => Buffer;
  readonly signers?: readonly Identity[];
}

const TST_INFO = "1.2.840.113549.1.9.16.1.4";

/** An RFC 3161 token over `message`. */
export const makeToken = (authority: Identity, message: Uint8Array, options: TokenOptions = {}): Buffer => {
  const { at = NOW, hash = "sha256", digestHash = "sha256", accuracy = 0, policy = "1.2.3.4", version = 1 } = options;
  const info = sequence(
    integer(version),
    oid(policy),
    sequence(hashAlgorithm(hash), octets(digest(hash, message))),
    integer(7),
    time(at),
    ...(accuracy === 0
      ? []
      : [
          sequence(
            ...(accuracy >= 1000 ? [integer(Math.floor(accuracy / 1000))] : []),
            ...(accuracy % 1000 === 0 ? [] : [der(0x80, integer(accuracy % 1000).subarray(2))]),
          ),
        ]),
  );
  const signerInfo = (signer: Identity): Buffer => {
    const bound = "bound" in options ? options.bound : signer;
    const { issuer, serial } = namesOf(signer);
    const { boundHash = "sha256" } = options;
    const attributes = [
      sequence(oid("1.2.840.113549.1.9.3"), set(oid(options.signedAs ?? TST_INFO))),
      sequence(oid("1.2.840.113549.1.9.4"), set(octets(digest(digestHash, info)))),
      ...(options.signingTime === undefined
        ? []
        : [sequence(oid("1.2.840.113549.1.9.5"), set(time(options.signingTime)))]),
      ...(bound === undefined
        ? []
        : [
            sequence(
              oid("1.2.840.113549.1.9.16.2.47"),
              set(
                sequence(
                  sequence(
                    sequence(
                      ...(boundHash === "sha256" ? [] : [hashAlgorithm(boundHash)]),
                      octets(digest(boundHash, derOf(bound.certificate))),
                    ),
                  ),
                ),
              ),
            ),
          ]),
    ];
    const signed = set(...attributes);
    return sequence(
      integer(1),
      sequence(issuer, serial),
      hashAlgorithm(digestHash),
      Buffer.concat([Buffer.from([0xa0]), signed.subarray(1)]),
      signatureAlgorithm(signer),
      octets(signature(signer, signed)),
    );
  };
  const { contentType = TST_INFO, alter = (bytes: Buffer) => bytes, signers = [authority] } = options;
  const certificates = options.certificates ?? authority.chain.map(derOf);
  return sequence(
    oid("1.2.840.113549.1.7.2"),
    der(
      0xa0,
      sequence(
        integer(3),
        set(hashAlgorithm(digestHash)),
        sequence(oid(contentType), der(0xa0, octets(alter(info)))),
        ...(certificates.length === 0 ? [] : [der(0xa0, ...certificates)]),
        set(...signers.map(signerInfo)),
      ),
    ),
  );
};

export interface ListEntry {
  readonly of: Identity;
  readonly reason?: number;
  /** Milliseconds. */
  readonly at?: number;
  readonly extensions?: readonly Buffer[];
}

export interface ListOptions {
  readonly entries?: readonly ListEntry[];
  readonly number?: number;
  /** Milliseconds; undefined: it does not say. */
  readonly nextUpdate?: number | undefined;
  /** The number of the base that these are changes of. */
  readonly deltaOf?: number;
  /** Where the changes are. */
  readonly freshest?: string;
  readonly extensions?: readonly Buffer[];
}

export const REASONS = {
  keyCompromise: 1,
  certificateHold: 6,
  removeFromCRL: 8,
} as const;

/** The addresses of distribution points. */
export const points = (...addresses: readonly string[]): Buffer =>
  sequence(...addresses.map((address) => sequence(der(0xa0, der(0xa0, der(0x86, Buffer.from(address)))))));

/** A list of revoked certificates. */
export const makeList = (issuer: Identity, options: ListOptions = {}): Buffer => {
  const { entries = [], number = 1, deltaOf, freshest } = options;
  const nextUpdate = "nextUpdate" in options ? options.nextUpdate : NOW + 86_400_000;
  const list = entries.map(({ of, reason, at = NOW - 3_600_000, extensions = [] }) => {
    const all = [
      ...(reason === undefined ? [] : [extension("2.5.29.21", der(0x0a, Buffer.from([reason])))]),
      ...extensions,
    ];
    return sequence(namesOf(of).serial, time(at), ...(all.length === 0 ? [] : [sequence(...all)]));
  });
  const body = sequence(
    integer(1),
    signatureAlgorithm(issuer),
    namesOf(issuer).subject,
    time(NOW - 3_600_000),
    ...(nextUpdate === undefined ? [] : [time(nextUpdate)]),
    ...(list.length === 0 ? [] : [sequence(Buffer.concat(list))]),
    der(
      0xa0,
      sequence(
        extension("2.5.29.20", integer(number)),
        ...(deltaOf === undefined ? [] : [extension("2.5.29.27", integer(deltaOf), true)]),
        ...(freshest === undefined ? [] : [extension("2.5.29.46", points(freshest))]),
        ...(options.extensions ?? []),
      ),
    ),
  );
  return sequence(body, signatureAlgorithm(issuer), bits(signature(issuer, body)));
};

export interface AnswerOptions {
  readonly status?: "good" | "revoked" | "unknown";
  /** Signs instead of the issuer, with this in the answer. */
  readonly responder?: Identity;
  /** Milliseconds; undefined: it does not say. */
  readonly nextUpdate?: number | undefined;
  readonly thisUpdate?: number;
  readonly idHash?: string;
  /** About another one. */
  readonly about?: Identity;
  readonly issuerName?: Identity;
  /** responseStatus. */
  readonly code?: number;
}

/** An OCSP answer about `certificate`. */
export const makeAnswer = (certificate: Identity, issuer: Identity, options: AnswerOptions = {}): Buffer => {
  const { status = "good", responder, thisUpdate = NOW - 60_000, idHash = "sha1", code = 0 } = options;
  if (code !== 0) return sequence(der(0x0a, Buffer.from([code])));
  const nextUpdate = "nextUpdate" in options ? options.nextUpdate : NOW + 3_600_000;
  const issuerNames = namesOf(options.issuerName ?? issuer);
  const id = sequence(
    hashAlgorithm(idHash),
    octets(digest(idHash, issuerNames.subject)),
    octets(digest(idHash, issuerNames.key)),
    namesOf(options.about ?? certificate).serial,
  );
  const said = {
    good: der(0x80),
    revoked: der(0xa1, time(NOW - 3_600_000)),
    unknown: der(0x82),
  }[status];
  const single = sequence(
    id,
    said,
    time(thisUpdate),
    ...(nextUpdate === undefined ? [] : [der(0xa0, time(nextUpdate))]),
  );
  const signer = responder ?? issuer;
  const data = sequence(der(0xa1, namesOf(signer).subject), time(NOW - 60_000), sequence(single));
  const basic = sequence(
    data,
    signatureAlgorithm(signer),
    bits(signature(signer, data)),
    ...(responder === undefined ? [] : [der(0xa0, sequence(derOf(responder.certificate)))]),
  );
  return sequence(der(0x0a, Buffer.from([0])), der(0xa0, sequence(oid("1.3.6.1.5.5.7.48.1.1"), octets(basic))));
};
