// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from "@peculiar/x509";
import { CertificateFiles, FILES_OVERLAP } from "../../../webhook/certificates/certificateFiles.ts";
import { issueAuthority, issueServing, type IssuedPair } from "../../../webhook/certificates/issue.ts";
import { OtherAuthorities } from "../../../webhook/certificates/otherAuthorities.ts";
import { recordLogger } from "./support/recorders.ts";
import { MountedSecret } from "./support/mountedSecret.ts";

const DAY = 86_400_000;
const NAME = "image-security-webhook.image-security-system.svc";

/** A server's certificate that nobody else has signed. */
const selfSigned = async (name: string, now: number): Promise<IssuedPair> => {
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=self-signed",
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + DAY),
    signingAlgorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { cert: `${certificate.toString("pem")}\n`, key: PemConverter.encode(key, "PRIVATE KEY") };
};

describe("CertificateFiles", () => {
  let now: number;
  let authority: IssuedPair;
  let serving: IssuedPair;
  let mounted: MountedSecret;
  let logger: ReturnType<typeof recordLogger>;

  const filesOf = (ca: IssuedPair, { cert, key }: IssuedPair): Readonly<Record<string, string>> => ({
    "tls.crt": cert,
    "tls.key": key,
    "ca.crt": ca.cert,
  });
  const read = (): CertificateFiles =>
    new CertificateFiles({ directory: mounted.folder, name: NAME, logger, now: () => now });

  beforeEach(async () => {
    now = Date.now();
    authority = await issueAuthority(now);
    serving = await issueServing(authority, [NAME], now);
    mounted = await MountedSecret.with(filesOf(authority, serving));
    logger = recordLogger();
  });
  afterEach(() => mounted.remove());

  it("gives what stands in them, and the same for as long as nothing changes", async () => {
    const files = read();
    const material = await files.sync();
    assert.deepEqual(material.bundle, [authority.cert]);
    assert.deepEqual(material.serving, serving);
    assert.equal(material.authority.cert, authority.cert);
    now += 100 * DAY;
    assert.deepEqual(await files.sync(), material);
  });

  it("takes a change up, as a kubelet makes it, and trusts the authority before for an hour", async () => {
    const files = read();
    await files.sync();
    const other = await issueAuthority(now);
    const next = await issueServing(other, [NAME], now);
    await mounted.change(filesOf(other, next));
    assert.deepEqual((await files.sync()).serving, next);
    now += FILES_OVERLAP - 1;
    assert.deepEqual((await files.sync()).bundle, [other.cert, authority.cert]);
    now += 1;
    assert.deepEqual((await files.sync()).bundle, [other.cert]);
  });

  it("trusts a whole bundle, and an authority that comes back once", async () => {
    const other = await issueAuthority(now);
    await mounted.change({ ...filesOf(authority, serving), "ca.crt": other.cert + authority.cert });
    const files = read();
    assert.deepEqual((await files.sync()).bundle, [authority.cert, other.cert], "the one that signed is first");
    await mounted.change(filesOf(authority, serving));
    assert.deepEqual((await files.sync()).bundle, [authority.cert, other.cert]);
    await mounted.change({ ...filesOf(authority, serving), "ca.crt": authority.cert + other.cert });
    assert.deepEqual((await files.sync()).bundle, [authority.cert, other.cert]);
  });

  it("takes a certificate that is its own authority, as cert-manager's selfSigned issuer makes it", async () => {
    const own = await selfSigned(NAME, now);
    await mounted.change(filesOf(own, own));
    assert.deepEqual((await read().sync()).bundle, [own.cert]);
  });

  const spoiled: readonly (readonly [
    what: string,
    message: RegExp,
    spoil: (good: Readonly<Record<string, string>>) => Promise<Readonly<Record<string, string>>>,
  ])[] = [
    [
      "another name",
      /not for image-security-webhook\..*name it in its dnsNames/,
      async (good) => {
        const { cert, key } = await issueServing(authority, ["elsewhere.svc"], now);
        return { ...good, "tls.crt": cert, "tls.key": key };
      },
    ],
    [
      "a key of another certificate",
      /tls\.key is not the key/,
      async (good) => ({ ...good, "tls.key": authority.key }),
    ],
    ["no key", /tls\.key is not the key/, async (good) => ({ ...good, "tls.key": "" })],
    [
      "no authority, as ACME gives none",
      /ca\.crt holds no PEM certificate; take an issuer/,
      async (good) => ({ ...good, "ca.crt": "" }),
    ],
    [
      "an authority that has not signed it",
      /no authority of ca\.crt has signed/,
      async (good) => ({
        ...good,
        "ca.crt": (await issueAuthority(now)).cert,
      }),
    ],
    [
      "an authority that is cut",
      /a certificate of ca\.crt cannot be parsed/,
      async (good) => ({
        ...good,
        "ca.crt": `${authority.cert}${authority.cert.slice(0, 200)}`,
      }),
    ],
    ["no certificate", /tls\.crt holds no certificate/, async (good) => ({ ...good, "tls.crt": "" })],
    [
      "rubbish for a certificate",
      /a certificate of tls\.crt cannot be parsed/,
      async (good) => ({
        ...good,
        "tls.crt": "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n",
      }),
    ],
    [
      "a certificate whose time is over",
      /has expired/,
      async (good) => {
        const { cert, key } = await issueServing(authority, [NAME], now - 400 * DAY);
        return { ...good, "tls.crt": cert, "tls.key": key };
      },
    ],
    [
      "a certificate whose time is to come",
      /is not valid before/,
      async (good) => {
        const { cert, key } = await issueServing(authority, [NAME], now + 2 * DAY);
        return { ...good, "tls.crt": cert, "tls.key": key };
      },
    ],
    [
      "a file less",
      /ca\.crt cannot be read \(ENOENT\)/,
      async ({ "tls.crt": cert = "", "tls.key": key = "" }) => ({ "tls.crt": cert, "tls.key": key }),
    ],
  ];
  for (const [what, message, spoil] of spoiled)
    it(`go on with what they held before when there is ${what}, say so once, and refuse to start with it`, async () => {
      const good = filesOf(authority, serving);
      const files = read();
      const material = await files.sync();
      await mounted.change(await spoil(good));
      assert.deepEqual(await files.sync(), material);
      await files.sync();
      const errors = logger.lines.filter(([level]) => level === "error");
      assert.equal(errors.length, 1);
      assert.match(JSON.stringify(errors[0]), message);
      await assert.rejects(read().sync(), message);
      await mounted.change(good);
      assert.deepEqual(await files.sync(), material);
    });
});

describe("OtherAuthorities", () => {
  let now: number;
  let one: string;
  let other: string;
  before(async () => {
    one = (await issueAuthority(Date.now())).cert;
    other = (await issueAuthority(Date.now())).cert;
  });
  beforeEach(() => (now = Date.now()));

  it("keep what another replica put there for an hour, and not what was this one's own", () => {
    const others = new OtherAuthorities(() => now);
    assert.deepEqual(others.beside([one], [one, other, other]), [other]);
    now += FILES_OVERLAP - 1;
    assert.deepEqual(others.beside([one], [one, other]), [other]);
    now += 1;
    assert.deepEqual(others.beside([one], [one, other]), []);
    // Its own, and given up: no other replica needs what this one's store says is over.
    assert.deepEqual(others.beside([other], [one, other]), []);
  });

  it("count anew when one was away", () => {
    const others = new OtherAuthorities(() => now);
    others.beside([one], [other]);
    others.beside([one], []);
    now += FILES_OVERLAP;
    assert.deepEqual(others.beside([one], [other]), [other]);
  });

  it("keep no more than a few, in the same order everywhere, and none that has expired", async () => {
    const many = await Promise.all(Array.from({ length: 12 }, async () => (await issueAuthority(now)).cert));
    const kept = new OtherAuthorities(() => now).beside([one], many);
    assert.equal(kept.length, 8);
    assert.deepEqual(new OtherAuthorities(() => now).beside([one], many.toReversed()), kept);
    const old = (await issueAuthority(now - 4_000 * DAY)).cert;
    assert.deepEqual(new OtherAuthorities(() => now).beside([one], [old]), []);
  });
});
