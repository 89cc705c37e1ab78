import assert from "node:assert/strict";
import type { Authority, Notation, PolicySpec } from "../../../../crds/types.ts";
import { fingerprintsOf } from "../../../../evidence/sigstore/fingerprints.ts";
import { compileAuthorities } from "../../../../policy/compile/authorities/authorities.ts";
import { parseCertificates } from "../../../../policy/compile/authorities/certificates.ts";
import { parseDistinguishedName } from "../../../../policy/compile/authorities/distinguishedName.ts";
import { compilePolicy } from "../../../../policy/compile/policy.ts";
import type { Resolve } from "../../../../policy/compile/resolve.ts";
import { createKmsKeys } from "../../../../evidence/trust/keys/kmsKeys.ts";
import { createTrustRoots } from "../../../../evidence/trust/trustRoots.ts";
import { keyPem, makeLeaf, makeRoot, pemOf, type Identity } from "./support/pki.ts";

const SUBJECT = "x509.subject: C=US, ST=WA, O=company.com";
const PROFILE = "arn:aws:signer:us-east-1:111122223333:/signing-profiles/release";

describe("names of subjects in policies", () => {
  const read: readonly (readonly [text: string, identity: Readonly<Record<string, string>>])[] = [
    ["C=US, ST=WA, O=company.com", { C: "US", ST: "WA", O: "company.com" }],
    ["C=US,S=WA,O=company.com", { C: "US", ST: "WA", O: "company.com" }],
    ["c=US, st=WA, o=x, CN = a b ", { C: "US", ST: "WA", O: "x", CN: "a b" }],
    ["C=US, ST=WA, O=a\\, b\\+c\\\\d", { C: "US", ST: "WA", O: "a, b+c\\d" }],
    ["C=US, ST=WA, O=\\ a\\ ", { C: "US", ST: "WA", O: " a " }],
    ["C=DE, ST=W\\C3\\BCrttemberg, O=Größe 🚀", { C: "DE", ST: "Württemberg", O: "Größe 🚀" }],
    ["C=US, ST=WA, O=a=b#c", { C: "US", ST: "WA", O: "a=b#c" }],
  ];
  for (const [text, identity] of read)
    it(`are read: ${text}`, () => {
      const parsed = parseDistinguishedName(text);
      assert.deepEqual(parsed.status === "ok" ? Object.fromEntries(parsed.identity) : parsed, identity);
    });
  const refused: readonly (readonly [text: string, why: RegExp])[] = [
    ["", /is not an attribute/],
    ["CN=release", /lacks C, ST, O/],
    ["C=US, O=company.com", /lacks ST;/],
    ["C=US, ST=WA, O=", /has a value that cannot be read/],
    ["C=US, ST=WA, O=a, O=b", /has the attribute O twice/],
    ["C=US, ST=WA, S=WA, O=a", /has the attribute ST twice/],
    ["C=US, ST=WA, O=#0401", /has a value that cannot be read/],
    ["C=US, ST=WA, O=a+OU=b", /has a value that cannot be read/],
    ["C=US; ST=WA; O=a", /has a value that cannot be read|is not an attribute/],
    ["C=US, ST=WA, O=a\\x", /has a value that cannot be read/],
    ["C=US, ST=WA, O=\\FF", /has a value that cannot be read/],
    ["C=US, ST=WA, O=a, 1.2.3=b", /is not an attribute/],
    ["C=US, ST=WA, O=a,", /is not an attribute/],
  ];
  for (const [text, why] of refused)
    it(`are refused: ${text}`, () => {
      const parsed = parseDistinguishedName(text);
      assert.match(parsed.status === "fault" ? parsed.message : "read", why);
    });
});

describe("authorities of notation", () => {
  let root: Identity;
  let other: Identity;
  let leaf: Identity;
  before(async () => {
    root = await makeRoot();
    other = await makeRoot();
    leaf = await makeLeaf(root);
  });
  const store: Record<string, string> = {};
  const resolve: Resolve = ({ name }) =>
    store[name] === undefined
      ? { status: "missing", message: `${name} is not there` }
      : { status: "found", text: store[name] };
  const spec = (more: Partial<Notation> = {}): Notation => ({
    certificates: { pem: pemOf(root) },
    identities: [SUBJECT],
    ...more,
  });
  const compile = (notation: Notation, more: Partial<Authority> = {}): string => {
    const { authorities, faulty } = compileAuthorities([{ name: "a", notation, ...more }], resolve);
    const fault = faulty.get("a");
    return fault === undefined ? (authorities.get("a")?.id ?? "") : `${fault.reason} ${fault.path}: ${fault.message}`;
  };

  it("certificates are read from PEM, every one of them or none", () => {
    const count = (pem: string): unknown => {
      const parsed = parseCertificates(pem);
      return parsed.status === "ok" ? parsed.certificates.length : parsed.message;
    };
    assert.equal(count(pemOf(root)), 1);
    assert.equal(count(pemOf(root, other, root)), 2);
    assert.equal(count(`# roots\r\n${pemOf(root).replaceAll("\n", " \r\n")}`), 1);
    assert.match(String(count("")), /^holds no PEM block/);
    assert.match(String(count(pemOf(leaf))), /^is neither the certificate of an authority nor one that signs itself$/);
    assert.match(String(count(pemOf(root) + pemOf(leaf))), /^PEM block 2: is neither/);
    assert.match(
      String(count(pemOf(root) + keyPem(root))),
      /^PEM block 2: is a PEM block PRIVATE KEY; expected CERTIFICATE$/,
    );
    assert.match(
      String(count("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
      /^does not parse as a certificate$/,
    );
    assert.match(
      String(count(`${pemOf(root)}-----BEGIN CERTIFICATE-----\n`)),
      /^holds 2 PEM blocks, of which 1 cannot be read$/,
    );
    assert.match(String(count(pemOf(root).repeat(65))), /^holds 65 certificates; at most 64/);
  });
  it("a certificate that signs itself and is no authority's stands for itself", async () => {
    assert.equal(parseCertificates(pemOf(await makeLeaf(undefined))).status, "ok");
  });

  it("say what is wrong with them, and where", () => {
    const wrong: readonly (readonly [notation: Notation, words: RegExp])[] = [
      [
        spec({ certificates: {} }),
        /^InvalidSpec spec\.authorities\[0\]\.notation\.certificates: write exactly one of secretRef, configMapRef and pem$/,
      ],
      [
        spec({ certificates: { pem: "x" } }),
        /^CertificateInvalid spec\.authorities\[0\]\.notation\.certificates: holds no PEM block/,
      ],
      [
        spec({ certificates: { secretRef: { namespace: "n", name: "gone", key: "k" } } }),
        /^ReferenceNotFound .*certificates\.secretRef: gone is not there$/,
      ],
      [spec({ timestampCertificates: { pem: "x" } }), /^CertificateInvalid .*timestampCertificates: /],
      [spec({ identities: [] }), /^InvalidSpec .*identities: name at least one identity/],
      [spec({ identities: ["*", SUBJECT] }), /^InvalidSpec .*identities: "\*" trusts everybody already/],
      [spec({ identities: [SUBJECT, "CN=x"] }), /^InvalidSpec .*identities\[1\]: "CN=x" is neither/],
      [spec({ identities: ["x509.subject: CN=x"] }), /^InvalidSpec .*identities\[0\]: it lacks C, ST, O/],
      [spec({ identities: [PROFILE] }), /^InvalidSpec .*identities\[0\]: "arn:.*" is neither/],
      [spec({ awsSigner: {} }), /^InvalidSpec .*identities\[0\]: "x509\.subject.*is no signing profile of AWS Signer/],
      [spec({ awsSigner: {}, identities: ["*"] }), /^InvalidSpec .*identities\[0\]: "\*" is no signing profile/],
      [
        spec({ awsSigner: {}, identities: [PROFILE], timestampCertificates: { pem: pemOf(root) } }),
        /^InvalidSpec .*timestampCertificates: AWS Signer says itself/,
      ],
    ];
    for (const [notation, words] of wrong) assert.match(compile(notation), words);
  });
  it("every field changes who they are, and where certificates were written does not", () => {
    store["roots"] = pemOf(root);
    const written: readonly (readonly [string, Notation, Partial<Authority>?])[] = [
      ["as it is", spec()],
      ["certificates", spec({ certificates: { pem: pemOf(other) } })],
      ["more certificates", spec({ certificates: { pem: pemOf(root, other) } })],
      ["identities", spec({ identities: [`${SUBJECT}, CN=release`] })],
      ["any identity", spec({ identities: ["*"] })],
      ["level", spec({ level: "permissive" })],
      ["revocation", spec({ revocation: "Skip" })],
      ["timestamps", spec({ timestampCertificates: { pem: pemOf(root) } })],
      ["AWS", spec({ awsSigner: {}, identities: [PROFILE] })],
      ["repository", spec(), { repository: "registry.company.com/signatures" }],
    ];
    const ids = written.map(([, notation, more]) => compile(notation, more));
    assert.ok(
      ids.every((id) => /^[0-9a-f]{64}$/.test(id)),
      ids.join("\n"),
    );
    assert.equal(new Set(ids).size, ids.length);
    const same = spec({ certificates: { configMapRef: { namespace: "n", name: "roots", key: "ca.crt" } } });
    assert.equal(compile(same), ids[0]);
    store["roots"] = pemOf(other);
    assert.equal(compile(same), ids[1]);
    assert.equal(compile(spec({ level: "strict", revocation: "Check" })), ids[0]);
  });
  it("show the fingerprints of all that they trust", () => {
    const { authorities } = compileAuthorities(
      [{ name: "a", notation: spec({ timestampCertificates: { pem: pemOf(other, root) } }) }],
      resolve,
    );
    const authority = authorities.get("a");
    assert.ok(authority);
    const options = { clock: () => 0, onFailure: () => undefined };
    const sources = {
      kms: createKmsKeys(options),
      roots: createTrustRoots({ ...options, cacheDirectory: "", publicGoodUpdates: false }),
    };
    const fingerprints = fingerprintsOf(authority, sources);
    assert.equal(fingerprints?.length, 2);
    assert.ok(fingerprints.every((one) => /^sha256:[0-9a-f]{64}$/.test(one)));
  });

  const policy = (spec_: PolicySpec): readonly string[] =>
    compilePolicy(
      { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name: "p" }, spec: spec_ },
      resolve,
    ).faults.map(({ reason, path, message }) => `${reason} ${path}: ${message}`);
  it("count for signatures, and are told from those that attest", () => {
    const authorities: PolicySpec["authorities"] = [{ name: "n", notation: spec() }];
    assert.deepEqual(policy({ authorities, signatures: { authorities: ["n"] } }), []);
    const message = "n is an authority of notation, which makes no attestations";
    assert.deepEqual(
      policy({ authorities, attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["n"] }] }),
      [`InvalidSpec spec.attestations[0].authorities: ${message}`],
    );
    assert.deepEqual(policy({ authorities, baseImages: { authorities: ["n"], required: true } }), [
      `InvalidSpec spec.baseImages.authorities: ${message}`,
    ]);
    assert.equal(
      policy({ authorities, scan: { vex: { authorities: ["n"] }, sources: [{ attestation: { authorities: ["n"] } }] } })
        .length,
      2,
    );
  });
  it("two of equal certificates and identities count once", () => {
    const count = (second: Notation): number | undefined =>
      compilePolicy(
        {
          apiVersion: "imagesecurity.dev/v1",
          kind: "ImageSecurityPolicy",
          metadata: { name: "p" },
          spec: {
            authorities: [
              { name: "a", notation: spec() },
              { name: "b", notation: second },
            ],
            signatures: { authorities: ["a", "b"] },
          },
        },
        resolve,
      ).signatures?.count;
    assert.equal(count(spec({ level: "audit" })), 1);
    assert.equal(count(spec({ identities: ["*"] })), 2);
    assert.equal(count(spec({ certificates: { pem: pemOf(other) } })), 2);
  });
});
