import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import type { Authority } from "../../../../crds/types.ts";
import { authoritySet, compileAuthorities } from "../../../../policy/compile/authorities/authorities.ts";
import { fingerprintOfKey, parsePublicKeys } from "../../../../policy/compile/authorities/publicKeys.ts";
import { parseKmsUri } from "../../../../policy/compile/authorities/kmsUri.ts";
import type { Resolve } from "../../../../policy/compile/resolve.ts";
import { sigstoreInstance, type SigstoreInstance } from "./sigstoreInstance.ts";

const pemOf = (key: { export: (options: { format: "pem"; type: "spki" }) => string | Buffer }): string =>
  String(key.export({ format: "pem", type: "spki" }));
const ec = (namedCurve: string): string => pemOf(generateKeyPairSync("ec", { namedCurve }).publicKey);
const rsa = (modulusLength: number, publicExponent = 65_537): string =>
  pemOf(generateKeyPairSync("rsa", { modulusLength, publicExponent }).publicKey);
const p256 = ec("P-256");
const ed25519 = pemOf(generateKeyPairSync("ed25519").publicKey);
const privatePem = String(
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" }),
);

const nothing: Resolve = () => ({ status: "missing", message: "Secret opa-system/cosign-pub is not there" });
const compileOne = (authority: Partial<Authority>, resolve: Resolve = nothing): string => {
  const { authorities, faulty } = compileAuthorities([{ name: "a", ...authority }], resolve);
  const fault = faulty.get("a");
  return fault === undefined ? `ok ${authorities.get("a")?.type}` : `${fault.reason} ${fault.path}: ${fault.message}`;
};

describe("public keys", () => {
  const accepted: readonly (readonly [what: string, pem: string, count: number])[] = [
    ["P-256", p256, 1],
    ["P-384", ec("P-384"), 1],
    ["P-521", ec("P-521"), 1],
    ["RSA 2048", rsa(2048), 1],
    ["Ed25519", ed25519, 1],
    ["PKCS1", String(createPublicKey(rsa(2048)).export({ format: "pem", type: "pkcs1" })), 1],
    ["several blocks", `${p256}\n${ed25519}`, 2],
    ["one key twice", p256 + p256, 1],
    ["text around it", `# release key\n${p256}# end`, 1],
    ["Windows line ends", p256.replaceAll("\n", "\r\n"), 1],
    ["line ends of an old Macintosh", p256.replaceAll("\n", "\r"), 1],
    ["spaces at line ends", p256.replaceAll("\n", " \t\n"), 1],
    ["indented, as a template left it", (p256 + ed25519).replaceAll(/^/gm, "    "), 2],
    ["a byte order mark", `\ufeff${p256}`, 1],
  ];
  for (const [what, pem, count] of accepted)
    it(`are read: ${what}`, () => {
      const parsed = parsePublicKeys(pem);
      assert.equal(parsed.status === "ok" && parsed.keys.length, count);
    });

  const refused: readonly (readonly [what: string, pem: string, why: RegExp])[] = [
    ["nothing", "", /no PEM block/],
    ["no PEM", "cosign.pub", /no PEM block/],
    ["RSA 1024", rsa(1024), /RSA key of 1024 bits/],
    ["an exponent of 1, by which everything is signed", forgedExponent(), /exponent 1|does not parse/],
    ["secp256k1", ec("secp256k1"), /curve secp256k1/],
    ["Ed448", pemOf(generateKeyPairSync("ed448").publicKey), /type ed448/],
    ["a private key", privatePem, /private key/],
    ["a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /is a certificate/],
    ["bytes that are no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", /does not parse/],
    [
      "half a block beside a good one",
      `${p256}-----BEGIN PUBLIC KEY-----\nAAAA\n`,
      /2 PEM blocks, of which 1 cannot be read/,
    ],
    ["a block without an end", p256.split("-----END", 1)[0] ?? "", /a PEM block that is broken/],
    ["a block in one line", p256.replaceAll("\n", " "), /a PEM block that is broken/],
    ["one bad key beside a good one", p256 + rsa(1024), /PEM block 2: is an RSA key of 1024 bits/],
  ];
  for (const [what, pem, why] of refused)
    it(`are refused: ${what}`, () => {
      const parsed = parsePublicKeys(pem);
      assert.equal(parsed.status, "refused");
      assert.match(parsed.status === "refused" ? parsed.message : "", why);
    });

  it("have the fingerprint of their DER", () => {
    const parsed = parsePublicKeys(p256);
    assert.equal(parsed.status === "ok" && parsed.keys[0]?.fingerprint, fingerprintOfKey(createPublicKey(p256)));
  });
});

/** An RSA key of 2048 bits with e = 1. */
function forgedExponent(): string {
  const jwk = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
  try {
    return pemOf(createPublicKey({ key: { ...jwk, e: "AQ" }, format: "jwk" }));
  } catch {
    return "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
  }
}

describe("addresses of keys in key services", () => {
  const good: readonly (readonly [uri: string, service: string])[] = [
    ["awskms:///1234abcd-12ab-34cd-56ef-1234567890ab", "aws"],
    ["awskms://localhost:4566/1234abcd-12ab-34cd-56ef-1234567890ab", "aws"],
    ["awskms:///arn:aws:kms:us-east-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", "aws"],
    ["awskms:///arn:aws-cn:kms:cn-north-1:111122223333:alias/release", "aws"],
    ["awskms:///alias/release/images", "aws"],
    ["gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k", "gcp"],
    ["gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/versions/2", "gcp"],
    ["gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/2", "gcp"],
    ["azurekms://team.vault.azure.net/key", "azure"],
    ["azurekms://team.vault.azure.net/key/0123456789abcdef", "azure"],
    ["hashivault://release", "vault"],
    ["openbao://release-2", "vault"],
    ["k8s://opa-system/cosign-pub", "k8s"],
  ];
  for (const [uri, service] of good) it(`are read: ${uri}`, () => assert.equal(parseKmsUri(uri)?.service, service));
  const bad = [
    "",
    "awskms://key",
    "awskms:///",
    "awskms:///alias/../x?y",
    "gcpkms://projects/p",
    "gcpkms://projects/../locations/l/keyRings/r/cryptoKeys/k",
    "azurekms://host",
    "azurekms://host/key/1/2",
    "hashivault://a/b",
    "hashivault://../sys",
    "openbao://",
    "k8s://ns",
    "k8s://ns/name/key",
    "https://example.com/key",
    "pkcs11:token=x",
  ];
  for (const uri of bad) it(`are refused: ${uri || "nothing"}`, () => assert.equal(parseKmsUri(uri), undefined));
});

describe("authorities", () => {
  let sigstore: SigstoreInstance;
  before(async () => {
    sigstore = await sigstoreInstance();
  });
  const identity = { issuer: "https://issuer", subject: "https://subject" };

  const found: Resolve = ({ kind, namespace, name, key }) =>
    kind === "Secret" && `${namespace}/${name}/${key}` === "opa-system/cosign-pub/cosign.pub"
      ? { status: "found", text: p256 }
      : namespace === "kube-system"
        ? { status: "notTrusted", message: "kube-system is not a trusted namespace" }
        : nothing({ kind, namespace, name, key });
  const secretRef = { namespace: "opa-system", name: "cosign-pub", key: "cosign.pub" };

  it("compile from every place where a key can be", () => {
    assert.equal(compileOne({ key: { secretRef } }, found), "ok key");
    assert.equal(compileOne({ key: { kms: "k8s://opa-system/cosign-pub" } }, found), "ok key");
    assert.equal(compileOne({ key: { pem: p256 } }), "ok key");
    assert.equal(compileOne({ key: { kms: "awskms:///alias/x" } }), "ok key");
    assert.equal(compileOne({ keyless: { identities: [identity] } }), "ok keyless");
    assert.equal(
      compileOne({ keyless: { identities: [identity] }, trustRoot: { inline: sigstore.trustedRoot } }),
      "ok keyless",
    );
    const marked = { inline: `\ufeff${sigstore.trustedRoot}` };
    assert.equal(
      compileOne({ keyless: { identities: [identity] }, trustRoot: marked }),
      "ok keyless",
      "a byte order mark",
    );
  });

  it("say what is wrong with them, and where", () => {
    const trusted = { keyless: { identities: [identity] } };
    const root = (change: (json: typeof sigstore.root) => void): { inline: string } => {
      const json = structuredClone(sigstore.root);
      change(json);
      return { inline: JSON.stringify(json) };
    };
    const lines = (...changes: readonly object[]): { inline: string } => ({
      inline: changes.map((change) => JSON.stringify({ ...sigstore.root, ...change })).join("\n"),
    });
    const table: readonly (readonly [authority: Partial<Authority>, expected: RegExp])[] = [
      [{}, /^InvalidSpec spec.authorities\[0\]: write exactly one of key, keyless and notation/],
      [{ key: {} }, /^InvalidSpec spec.authorities\[0\].key: write exactly one of/],
      [
        { key: { pem: p256, kms: "awskms:///alias/x" } },
        /^InvalidSpec spec.authorities\[0\].key: write exactly one of/,
      ],
      [{ key: { secretRef: { ...secretRef, name: "x" } } }, /^ReferenceNotFound spec.authorities\[0\].key.secretRef: /],
      [{ key: { configMapRef: secretRef } }, /^ReferenceNotFound spec.authorities\[0\].key.configMapRef: /],
      [
        { key: { secretRef: { ...secretRef, namespace: "kube-system" } } },
        /^NamespaceNotTrusted spec.authorities\[0\].key.secretRef: /,
      ],
      [{ key: { kms: "k8s://kube-system/cosign-pub" } }, /^NamespaceNotTrusted spec.authorities\[0\].key.kms: /],
      [{ key: { kms: "awskms://x" } }, /^KeyInvalid spec.authorities\[0\].key.kms: /],
      [{ key: { pem: privatePem } }, /^KeyInvalid spec.authorities\[0\].key: is a private key/],
      [{ keyless: { identities: [] } }, /^InvalidSpec spec.authorities\[0\].keyless.identities: /],
      [
        { keyless: { identities: [{}] } },
        /^InvalidSpec .*identities\[0\]: write exactly one of issuer and issuerRegExp/,
      ],
      [{ keyless: { identities: [{ issuer: "x" }] } }, /^InvalidSpec .*write exactly one of subject and subjectRegExp/],
      [{ keyless: { identities: [{ issuer: "x", subject: "" }] } }, /^InvalidSpec .*is empty/],
      [{ keyless: { identities: [{ issuer: "x", issuerRegExp: "y", subject: "z" }] } }, /^InvalidSpec .*issuerRegExp/],
      [{ keyless: { identities: [{ issuer: "x", subjectRegExp: "(" }] } }, /^PatternInvalid .*subjectRegExp: /],
      [{ keyless: { identities: [{ issuer: "x", subjectRegExp: "(?=a)" }] } }, /^PatternInvalid /],
      [{ keyless: { identities: [{ ...identity, claims: { sub: "x" } }] } }, /^InvalidSpec .*claims.sub: is no claim/],
      [
        { notation: { certificates: { pem: "x" }, identities: ["*"] } },
        /^CertificateInvalid spec.authorities\[0\].notation.certificates: holds no PEM block/,
      ],
      [{ key: { pem: p256 }, repository: "registry.example.com/a:tag" }, /^InvalidSpec .*repository: /],
      [{ key: { pem: p256 }, repository: "registry.example.com/A" }, /^InvalidSpec .*repository: /],
      [{ ...trusted, trustRoot: {} }, /^InvalidSpec .*trustRoot: write exactly one of/],
      [{ ...trusted, trustRoot: { inline: "{}" } }, /^TrustRootInvalid .*mediaType/],
      [{ ...trusted, trustRoot: { inline: '"root"' } }, /^TrustRootInvalid .*not a JSON object/],
      [{ ...trusted, trustRoot: { inline: "garbage" } }, /^TrustRootInvalid .*not a JSON object/],
      [
        { ...trusted, trustRoot: { inline: JSON.stringify({ mediaType: sigstore.root.mediaType }) } },
        /^TrustRootInvalid .*no certificateAuthorities/,
      ],
      [{ ...trusted, trustRoot: root((json) => (json.ctlogs = [])) }, /^TrustRootInvalid .*no ctlogs/],
      [{ ...trusted, trustRoot: root((json) => (json.tlogs = [])) }, /^TrustRootInvalid .*no tlogs/],
      [{ ...trusted, trustRoot: lines({}, { mediaType: undefined }) }, /^TrustRootInvalid .*mediaType none/],
      [{ ...trusted, trustRoot: lines({ mediaType: "application/json" }, {}) }, /^TrustRootInvalid .*mediaType "appl/],
      [{ ...trusted, trustRoot: { inline: `${sigstore.trustedRoot}\ngarbage` } }, /^TrustRootInvalid .*no(t a)? JSON/],
      [{ ...trusted, trustRoot: lines({ tlogs: [] }, { tlogs: [] }) }, /^TrustRootInvalid .*no tlogs/],
      [
        { ...trusted, transparencyLog: "Ignored", trustRoot: root((json) => (json.timestampAuthorities = [])) },
        /^TrustRootInvalid .*no timestampAuthorities/,
      ],
      [{ key: { pem: p256 }, trustRoot: root((json) => (json.tlogs = [])) }, /^TrustRootInvalid .*no tlogs/],
      [
        {
          ...trusted,
          trustRoot: root((json) => Object.assign(json.tlogs[0]!["publicKey"] as object, { validFor: {} })),
        },
        /^TrustRootInvalid .*tlogs\[0\].publicKey has no validFor.start/,
      ],
      [
        { ...trusted, trustRoot: root((json) => Object.assign(json.certificateAuthorities[0]!, { validFor: {} })) },
        /^TrustRootInvalid .*certificateAuthorities\[0\] has no validFor.start/,
      ],
      [
        {
          ...trusted,
          trustRoot: root((json) =>
            (json.timestampAuthorities[0]!["certChain"] as { certificates: unknown[] }).certificates.reverse(),
          ),
        },
        /^TrustRootInvalid .*the first certificate must be the one that signs/,
      ],
      [
        {
          ...trusted,
          trustRoot: root((json) =>
            Object.assign(json.certificateAuthorities[0]!, { certChain: { certificates: [{ rawBytes: "AAAA" }] } }),
          ),
        },
        /^TrustRootInvalid .*does not parse/,
      ],
      [
        { ...trusted, trustRoot: { tuf: { mirror: "ftp://x", root: { inline: "{}" } } } },
        /^TrustRootInvalid .*tuf.mirror: /,
      ],
      [
        {
          ...trusted,
          trustRoot: root((json) =>
            Object.assign(json.certificateAuthorities[0]!["validFor"] as object, { end: "tomorrow" }),
          ),
        },
        /^TrustRootInvalid .*certificateAuthorities\[0\] has a validFor.end that is no time/,
      ],
      [
        { ...trusted, trustRoot: { tuf: { mirror: "https://:password@x", root: { inline: "{}" } } } },
        /^TrustRootInvalid .*tuf.mirror: /,
      ],
      [
        { ...trusted, trustRoot: { tuf: { mirror: "https://user:password@x", root: { inline: "{}" } } } },
        /^TrustRootInvalid .*tuf.mirror: /,
      ],
      [
        { ...trusted, trustRoot: { tuf: { mirror: "https://tuf.example.com", root: { inline: "{}" } } } },
        /^TrustRootInvalid .*not a root.json/,
      ],
    ];
    for (const [authority, expected] of table) assert.match(compileOne(authority, found), expected);
    assert.equal(
      compileOne({ ...trusted, transparencyLog: "Ignored", trustRoot: root((json) => (json.tlogs = [])) }),
      "ok keyless",
    );
    const withoutSct = { keyless: { identities: [identity], sct: "Ignored" as const } };
    assert.equal(compileOne({ ...withoutSct, trustRoot: root((json) => (json.ctlogs = [])) }), "ok keyless");
    assert.equal(compileOne({ ...trusted, trustRoot: lines({ ctlogs: [] }, { tlogs: [] }) }), "ok keyless", "lines");
    assert.equal(
      compileOne({ key: { pem: p256 }, trustRoot: root((json) => (json.certificateAuthorities = [])) }),
      "ok key",
    );
  });

  it("take out themselves only, and their users carry the fault", () => {
    const compiled = compileAuthorities(
      [
        { name: "bad", key: { pem: "x" } },
        { name: "good", key: { pem: p256 } },
      ],
      nothing,
    );
    const set = authoritySet(["bad", "good", "unknown", "good"], compiled);
    assert.deepEqual(
      set.trusted.map(({ name }) => name),
      ["good"],
    );
    assert.deepEqual(
      set.faulty.map(({ name }) => name),
      ["bad", "unknown"],
    );
  });

  it("of one name are both out of force", () => {
    const compiled = compileAuthorities(
      [
        { name: "a", key: { pem: p256 } },
        { name: "a", key: { pem: ed25519 } },
      ],
      nothing,
    );
    assert.equal(compiled.authorities.size, 0);
    assert.equal(compiled.faulty.get("a")?.reason, "InvalidSpec");
  });

  it("have an id that everything changes that a verdict depends on, and nothing else", () => {
    const id = (authority: Partial<Authority>): string | undefined =>
      [...compileAuthorities([{ name: "a", ...authority }], found).authorities.values()][0]?.id;
    const base = { key: { pem: p256 } };
    const keyless = (more: object = {}) => ({ keyless: { identities: [{ ...identity, ...more }] } });
    const all = [
      base,
      { key: { pem: ed25519 } },
      { key: { pem: p256 + ed25519 } },
      { key: { kms: "awskms:///alias/x" } },
      { key: { kms: "awskms:///alias/y" } },
      { ...base, transparencyLog: "Ignored" as const },
      { ...base, annotations: { env: "prod" } },
      { ...base, annotations: { env: "test" } },
      { ...base, repository: "registry.example.com/signatures" },
      { ...base, trustRoot: { inline: sigstore.trustedRoot } },
      keyless(),
      { keyless: { identities: [identity], sct: "Ignored" as const } },
      keyless({ subject: "https://other" }),
      keyless({ issuer: undefined, issuerRegExp: "https://issuer" }),
      keyless({ claims: { runnerEnvironment: "github-hosted" } }),
    ];
    assert.equal(new Set(all.map(id)).size, all.length);
    assert.equal(id({ name: "b", ...base }), id(base));
    assert.equal(id({ key: { secretRef } }), id(base), "the same key from another place");
    assert.equal(id({ key: { pem: `# remark\n${p256}` } }), id(base));
    assert.equal(id({ ...base, annotations: { a: "1", b: "2" } }), id({ ...base, annotations: { b: "2", a: "1" } }));
  });
});
