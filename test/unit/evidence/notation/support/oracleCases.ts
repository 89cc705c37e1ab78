import * as x509 from "@peculiar/x509";
import { EXPIRY, makeEnvelope, SIGNING_TIME, type EnvelopeOptions, type Format } from "./envelopes.ts";
import { ORACLE_IMAGE, type OracleCase } from "./oracle.ts";
import {
  authorityExtensions,
  chainPem,
  derOf,
  makeAuthority,
  makeLeaf,
  makeRoot,
  makeTimestamper,
  pemOf,
  privateKeyOf,
  type Identity,
  type IssueOptions,
  type KeyKind,
} from "./pki.ts";
import { makeToken, type TokenOptions } from "./signing.ts";

const DAY = 86_400_000;
const SCHEME = "io.cncf.notary.signingScheme";
const SUBJECT = "x509.subject: C=US, ST=WA, O=company.com";

/** What real notation is asked about, each in both formats. Certificates that are not to have expired are good for a century. */
export const makeOracleCases = async (now: number): Promise<readonly OracleCase[]> => {
  const long: IssueOptions = { notBefore: new Date(now - DAY), notAfter: new Date(now + 36_500 * DAY) };
  const past: IssueOptions = { notBefore: new Date(now - 400 * DAY), notAfter: new Date(now - 30 * DAY) };
  const root = await makeRoot({ ...long, notBefore: new Date(now - 500 * DAY) });
  const authority = await makeAuthority(root, { ...long, notBefore: new Date(now - 500 * DAY) });
  const other = await makeRoot(long);
  const leaf = await makeLeaf(authority, long);
  const expired = await makeLeaf(authority, past);
  const tsaRoot = await makeRoot({
    ...long,
    notBefore: new Date(now - 500 * DAY),
    name: [{ O: ["company.com"] }, { CN: ["timestamp root"] }],
  });
  const tsa = await makeTimestamper(tsaRoot, { ...long, kind: "RSA-2048", notBefore: new Date(now - 500 * DAY) });

  const payload = { targetArtifact: ORACLE_IMAGE };
  const made: OracleCase[] = [];
  const add = (
    name: string,
    signer: Identity,
    options: EnvelopeOptions = {},
    policy: Partial<Omit<OracleCase, "name" | "format" | "envelope">> = {},
  ): void => {
    for (const format of ["jws", "cose"] as const satisfies readonly Format[]) {
      const envelope = makeEnvelope(signer, {
        payload,
        ...options,
        format,
        headers: { [SIGNING_TIME]: Math.floor(now / 1000) * 1000 - DAY / 2, ...options.headers },
      });
      made.push({
        name: `${format}: ${name}`,
        format,
        level: "strict",
        identities: [SUBJECT],
        certificates: pemOf(root),
        ...policy,
        envelope: envelope.toString("base64"),
      });
    }
  };
  const seconds = (time: number): number => Math.floor(time / 1000) * 1000;
  const stamp = (options: TokenOptions = {}, by = tsa): EnvelopeOptions => ({
    timestamp: (signature) => makeToken(by, signature, { at: seconds(now - DAY / 2), ...options }),
  });
  const stamps = { timestampCertificates: pemOf(tsaRoot) };

  add("good", leaf);
  for (const kind of ["P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096"] as const satisfies readonly KeyKind[])
    add(`good, by ${kind}`, await makeLeaf(authority, { ...long, kind }));
  for (const level of ["strict", "permissive", "audit"] as const) {
    add(`${level}: an authority that is not trusted`, await makeLeaf(other, long), {}, { level });
    add(`${level}: another identity`, leaf, {}, { level, identities: [`${SUBJECT}, CN=somebody`] });
    add(`${level}: an expiry that is over`, leaf, { headers: { [EXPIRY]: seconds(now) - DAY / 4 } }, { level });
    add(
      `${level}: a certificate that has expired`,
      expired,
      { headers: { [SIGNING_TIME]: seconds(now) - 100 * DAY } },
      { level },
    );
    add(`${level}: no timestamp where one is demanded`, leaf, {}, { level, ...stamps });
    add(`${level}: an altered signature`, leaf, { key: privateKeyOf(expired) }, { level });
    add(
      `${level}: another image`,
      leaf,
      { payload: { targetArtifact: { ...ORACLE_IMAGE, digest: `sha256:${"0".repeat(64)}` } } },
      { level },
    );
    add(
      `${level}: a timestamp of another authority`,
      leaf,
      stamp({}, await makeTimestamper(other, { ...long, kind: "RSA-2048" })),
      { level, ...stamps },
    );
  }
  add("any identity", leaf, {}, { identities: ["*"] });
  add("an identity with its name", leaf, {}, { identities: [`${SUBJECT}, CN=release`] });
  add("an identity in another case", leaf, {}, { identities: ["x509.subject: C=US, ST=WA, O=Company.com"] });
  add("one of two identities", leaf, {}, { identities: ["x509.subject: C=DE, ST=BY, O=x", SUBJECT] });
  add("an expiry to come", leaf, { headers: { [EXPIRY]: seconds(now) + 36_000 * DAY } });
  add("a header that is not critical", leaf, { headers: { "com.example.note": "x" } });
  add("another media type", leaf, {
    payload: { targetArtifact: { ...ORACLE_IMAGE, mediaType: "application/vnd.oci.image.index.v1+json" } },
  });
  add("another size", leaf, { payload: { targetArtifact: { ...ORACLE_IMAGE, size: ORACLE_IMAGE.size + 1 } } });
  add("annotations in the payload", leaf, {
    payload: { targetArtifact: { ...ORACLE_IMAGE, annotations: { "io.company.build": "17" } } },
  });
  add("another content type", leaf, { contentType: "application/json" });
  add("no critical headers", leaf, { critical: [] });
  add("a scheme that is not critical", leaf, {
    critical: [EXPIRY],
    headers: { [EXPIRY]: seconds(now) + 36_000 * DAY },
  });
  add("an expiry that is not critical", leaf, {
    critical: [SCHEME],
    headers: { [EXPIRY]: seconds(now) + 36_000 * DAY },
  });
  add("an unknown scheme", leaf, { headers: { [SCHEME]: "notary.x510" } });
  add("no signing time", leaf, { headers: { [SIGNING_TIME]: undefined } });
  add("an unknown critical header that is not there", leaf, { critical: [SCHEME, "com.example.x"] });
  add("an unknown critical header", leaf, { critical: [SCHEME, "com.example.x"], headers: { "com.example.x": "1" } });
  add("a plugin", leaf, {
    critical: [SCHEME, "io.cncf.notary.verificationPlugin"],
    headers: { "io.cncf.notary.verificationPlugin": "p" },
  });
  add("a signing authority", leaf, {
    headers: {
      [SCHEME]: "notary.x509.signingAuthority",
      [SIGNING_TIME]: undefined,
      "io.cncf.notary.authenticSigningTime": seconds(now) - 1000,
    },
  });
  add("an expiry before its signing", leaf, { headers: { [EXPIRY]: seconds(now) - 2 * DAY } });
  add("no certificates", leaf, { chain: [] });
  add("a chain without its root", leaf, { chain: leaf.chain.slice(0, 2).map(derOf) });
  add("a chain in another order", leaf, { chain: [0, 2, 1].flatMap((at) => leaf.chain.slice(at, at + 1)).map(derOf) });
  add("trust in the intermediate certificate", leaf, {}, { certificates: pemOf(authority) });

  const { digitalSignature, keyCertSign, keyEncipherment, nonRepudiation } = x509.KeyUsageFlags;
  const usage = (flags: number, critical = true): x509.Extension => new x509.KeyUsagesExtension(flags, critical);
  const purposes = (...list: string[]): x509.Extension => new x509.ExtendedKeyUsageExtension(list);
  const leaves: Readonly<Record<string, IssueOptions>> = {
    "key usage alone": { extensions: [usage(digitalSignature)] },
    "content commitment": { extensions: [usage(digitalSignature | nonRepudiation)] },
    "no key usage": { extensions: [purposes(x509.ExtendedKeyUsage.codeSigning)] },
    "key usage that is not critical": { extensions: [usage(digitalSignature, false)] },
    encipherment: { extensions: [usage(digitalSignature | keyEncipherment)] },
    "certificates as well": { extensions: [usage(digitalSignature | keyCertSign)] },
    "CA:TRUE": { more: [new x509.BasicConstraintsExtension(true, undefined, true)] },
    serverAuth: { extensions: [usage(digitalSignature), purposes(x509.ExtendedKeyUsage.serverAuth)] },
    timeStamping: { extensions: [usage(digitalSignature), purposes(x509.ExtendedKeyUsage.timeStamping)] },
    "an unknown purpose": { extensions: [usage(digitalSignature), purposes("1.2.3.4")] },
    "any purpose": { extensions: [usage(digitalSignature), purposes("2.5.29.37.0")] },
    "an unknown critical extension": { more: [new x509.Extension("1.2.3.4", true, Buffer.from("0500", "hex"))] },
    "no state in its subject": { name: [{ C: ["US"] }, { O: ["company.com"] }, { CN: ["release"] }] },
    "two organisations in its subject": { name: [{ C: ["US"] }, { ST: ["WA"] }, { O: ["company.com"] }, { O: ["x"] }] },
  };
  for (const [what, options] of Object.entries(leaves))
    add(`a leaf with ${what}`, await makeLeaf(authority, { ...long, ...options }));
  const authorities: Readonly<Record<string, IssueOptions>> = {
    "path length 0": { extensions: authorityExtensions(0) },
    "basic constraints that are not critical": {
      extensions: [new x509.BasicConstraintsExtension(true, undefined, false), usage(keyCertSign)],
    },
    "no basic constraints": { extensions: [usage(keyCertSign)] },
    "no key usage": { extensions: [new x509.BasicConstraintsExtension(true, undefined, true)] },
    "key usage that is not critical": {
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true), usage(keyCertSign, false)],
    },
  };
  for (const [what, options] of Object.entries(authorities))
    add(`an authority with ${what}`, await makeLeaf(await makeAuthority(root, { ...long, ...options }), long));
  const short = await makeRoot({ ...long, extensions: authorityExtensions(0) });
  add(
    "a path that is too long",
    await makeLeaf(await makeAuthority(short, long), long),
    {},
    { certificates: pemOf(short) },
  );
  const alone = await makeLeaf(undefined, long);
  add("a certificate that signs itself", alone, {}, { certificates: chainPem(alone) });

  add("a timestamp", leaf, stamp(), stamps);
  add("a timestamp, not asked for", leaf, stamp());
  add(
    "a certificate that has expired since, with a timestamp",
    expired,
    stamp({ at: seconds(now - 100 * DAY) }),
    stamps,
  );
  add("a certificate that had expired at its timestamp", expired, stamp({ at: seconds(now - 10 * DAY) }), stamps);
  add("a timestamp over SHA-1", leaf, stamp({ hash: "sha1" }), stamps);
  add("a timestamp without its certificate's hash", leaf, stamp({ bound: undefined }), stamps);
  add("a timestamp with another certificate's hash", leaf, stamp({ bound: tsaRoot }), stamps);
  add(
    "a timestamp of another signature",
    leaf,
    { timestamp: () => makeToken(tsa, Buffer.from("x"), { at: seconds(now) - 1000 }) },
    stamps,
  );
  add(
    "a timestamp that was altered",
    leaf,
    stamp({ alter: (info) => Buffer.from(info.toString("latin1").replace("20", "21"), "latin1") }),
    stamps,
  );
  add("a timestamp signed as something else", leaf, stamp({ signedAs: "1.2.840.113549.1.7.1" }), stamps);
  add(
    "a timestamp at the certificate's end, with its accuracy",
    expired,
    stamp({ at: seconds(now - 30 * DAY), accuracy: 5000 }),
    stamps,
  );
  add("a timestamp that is junk", leaf, { timestamp: () => Buffer.from("junk") }, stamps);
  const stampers: Readonly<Record<string, IssueOptions>> = {
    "two purposes": {
      extensions: [
        usage(digitalSignature),
        new x509.ExtendedKeyUsageExtension(
          [x509.ExtendedKeyUsage.timeStamping, x509.ExtendedKeyUsage.codeSigning],
          true,
        ),
      ],
    },
    "a purpose that is not critical": {
      extensions: [usage(digitalSignature), purposes(x509.ExtendedKeyUsage.timeStamping)],
    },
    "key usage that is not critical": {
      extensions: [
        usage(digitalSignature, false),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping], true),
      ],
    },
    "no key usage": { extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.timeStamping], true)] },
  };
  for (const [what, options] of Object.entries(stampers))
    add(
      `a timestamp's authority with ${what}`,
      leaf,
      stamp({}, await makeTimestamper(tsaRoot, { ...long, kind: "RSA-2048", ...options })),
      stamps,
    );
  return made;
};
