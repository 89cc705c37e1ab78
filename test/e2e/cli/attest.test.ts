import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addSamples, sampleRegistry, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { run, type ToolResult } from "../registry-tools/tools.ts";
import { identityToken, startSigstoreServices, type SigstoreServices } from "./sigstoreServices.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const nginx = samples[0]!;
const tagged = `${sampleRegistry}/nginx:${nginx.tag}`;
const pinned = `${sampleRegistry}/nginx@${nginx.image.digest}`;
const ISSUER = "https://token.example.com";
const PIPELINE = "https://ci.example.com/shop/pipeline@refs/heads/main";
const VSA = "https://slsa.dev/verification_summary/v1";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

const policy = (name: string, spec: string): string =>
  `apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const pod = (image: string, name = "web"): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{name: ${name}, image: "${image}"}]}\n`;
const BASE = `{registries: {allow: ["${sampleRegistry}"]}, digest: {verify: true}}`;

interface Summary {
  readonly predicateType: string;
  readonly subject: readonly { readonly name: string; readonly digest: object }[];
  readonly predicate: {
    readonly policy: { readonly uri: string; readonly digest: { readonly sha256: string } };
    readonly [field: string]: unknown;
  };
}

describe("image-security check --attest", function () {
  this.timeout(120_000);
  let services: SigstoreServices;
  let registry: SandboxRegistry;
  let folder: string;
  /** Flags of every Sigstore service. */
  let sigstore: readonly string[];

  const check = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ToolResult> =>
    run(process.execPath, [main, "check", `--registry-mirror=${sampleRegistry}=${registry.url}`, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder, ...env },
    });
  const place = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  };
  const attached = (): readonly { readonly content: { readonly artifactType?: string | undefined } }[] =>
    registry.store.referrers("nginx", nginx.image.digest);
  /** The statement of the only bundle beside the image. */
  const summary = (): Summary => {
    const [manifest, ...others] = registry.store.referrers("nginx", nginx.image.digest);
    assert.ok(manifest !== undefined && others.length === 0, `${others.length + 1} referrers`);
    const layer = manifest.content.layers?.[0]?.digest ?? "";
    const bundle = JSON.parse(Buffer.from(registry.store.repository("nginx")!.blobs.get(layer)!).toString()) as {
      mediaType: string;
      dsseEnvelope: { payload: string };
    };
    assert.equal(bundle.mediaType, BUNDLE);
    return JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, "base64").toString()) as Summary;
  };
  /** A policy of the next cluster, which believes this pipeline and nobody else. */
  const believing = (authority: string, more = ""): string =>
    policy(
      "next",
      JSON.stringify({
        authorities: [{ name: "pipeline", ...(JSON.parse(authority) as object) }],
        attestations: [
          {
            predicateType: VSA,
            authorities: ["pipeline"],
            conditions: [
              { expression: 'predicate.verificationResult == "PASSED"' },
              { expression: 'predicate.verifier.id == "https://imagesecurity.dev/check"' },
              { expression: 'predicate.policy.uri.endsWith("/production")' },
              ...(more === "" ? [] : [{ expression: more, message: "another one is wanted" }]),
            ],
          },
        ],
      }),
    );
  const keyless = (subject = PIPELINE): string =>
    JSON.stringify({
      keyless: { identities: [{ issuer: ISSUER, subject }] },
      trustRoot: { inline: services.instance.trustedRoot },
    });

  before(async () => {
    services = await startSigstoreServices();
  });
  after(async () => services.close());
  beforeEach(async () => {
    registry = await startRegistry({});
    addSamples(registry.store);
    services.asked.length = 0;
    services.refuses = undefined;
    sigstore = [`--fulcio-url=${services.url}`, `--rekor-url=${services.url}/`, `--identity-token=token`];
    folder = await mkdtemp(join(tmpdir(), "attest-"));
    await place({
      token: `${identityToken({ iss: ISSUER, sub: PIPELINE })}\n`,
      "production.yaml": policy("production", BASE),
      "pod.yaml": pod(pinned),
    });
  });
  afterEach(async () => {
    await registry.close();
    await rm(folder, { recursive: true });
  });

  for (const [version, flags] of [
    ["1", () => []],
    ["2", () => ["--rekor-version=2", `--timestamp-url=${services.url}`]],
  ] as const)
    it(`publishes what passed, keyless with Rekor v${version}, and the next cluster believes it`, async () => {
      const { code, stdout, stderr } = await check([
        "pod.yaml",
        "--policy=production.yaml",
        "--attest",
        ...sigstore,
        ...flags(),
      ]);
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        new RegExp(`^attested: ${pinned}: published as ${sampleRegistry}/nginx@sha256:[0-9a-f]{64}$`, "m"),
      );
      assert.deepEqual(
        services.asked.toSorted(),
        [
          ...(version === "2" ? ["/api/v1/timestamp"] : []),
          ...(version === "1" ? ["/api/v1/log/entries"] : []),
          ...(version === "2" ? ["/api/v2/log/entries"] : []),
          "/api/v2/signingCert",
        ].toSorted(),
      );

      const { predicateType, subject, predicate } = summary();
      assert.equal(predicateType, VSA);
      assert.deepEqual(subject, [
        { name: `${sampleRegistry}/nginx`, digest: { sha256: nginx.image.digest.slice("sha256:".length) } },
      ]);
      const { policy: judgedBy, timeVerified, ...rest } = predicate;
      assert.equal(judgedBy.uri, "https://imagesecurity.dev/v1/imagesecuritypolicies/production");
      assert.match(judgedBy.digest.sha256, /^[0-9a-f]{64}$/);
      assert.ok(Math.abs(Date.parse(String(timeVerified)) - Date.now()) < 60_000);
      assert.deepEqual(rest, {
        verifier: { id: "https://imagesecurity.dev/check", version: { "image-security": "0.1.0" } },
        resourceUri: `pkg:oci/nginx@${nginx.image.digest}?repository_url=${sampleRegistry}%2Fnginx`,
        inputAttestations: [],
        verificationResult: "PASSED",
        verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED", "IMAGE_SECURITY_DIGEST", "IMAGE_SECURITY_REGISTRIES"],
        slsaVersion: "1.1",
      });

      await place({
        "next.yaml": believing(keyless()),
        "other.yaml": believing(keyless("https://ci.example.com/other")),
        "level.yaml": believing(keyless(), '"IMAGE_SECURITY_SCAN" in predicate.verifiedLevels'),
      });
      const next = await check(["pod.yaml", "--policy=next.yaml", "--explain"]);
      assert.equal(next.code, 0, next.stdout);
      assert.match(next.stdout, new RegExp(`attested by ${PIPELINE} of ${ISSUER}`));
      assert.match((await check(["pod.yaml", "--policy=other.yaml"])).stdout, /AttestationUntrusted/);
      const level = await check(["pod.yaml", "--policy=level.yaml"]);
      assert.match(level.stdout, /AttestationRejected: .*another one is wanted/);
    });

  it("says which attestations it stands on, and another digest of the policies where they changed", async () => {
    const attest = ["--attest", ...sigstore];
    await check(["pod.yaml", "--policy=production.yaml", ...attest]);
    const first = summary();
    await place({
      "next.yaml": believing(keyless()),
      "production.yaml": policy("production", "{digest: {verify: true}}"),
    });
    const args = ["pod.yaml", "--policy=next.yaml", "--policy=production.yaml", "--output=json", ...attest];
    const { code, stdout, stderr } = await check(args);
    assert.equal(code, 0, stderr);
    const { attested } = JSON.parse(stdout) as { attested: { status: string; at: string }[] };
    const [one] = attested;
    assert.equal(one?.status, "published");
    const manifest = registry.store.manifest("nginx", one.at.split("@")[1]!);
    const bytes = Buffer.from(registry.store.repository("nginx")!.blobs.get(manifest!.content.layers![0]!.digest)!);
    const { payload } = (JSON.parse(bytes.toString()) as { dsseEnvelope: { payload: string } }).dsseEnvelope;
    const { predicate } = JSON.parse(Buffer.from(payload, "base64").toString()) as Summary;
    const inputs = predicate["inputAttestations"] as { digest: { sha256: string }; mediaType: string }[];
    assert.equal(inputs.length, 1);
    assert.equal(inputs[0]?.mediaType, "application/vnd.in-toto+json");
    assert.equal(predicate.policy.uri, "https://imagesecurity.dev/v1/imagesecuritypolicies/next,production");
    assert.notEqual(predicate.policy.digest.sha256, first.predicate.policy.digest.sha256);
  });

  const keys: readonly (readonly [string, () => string])[] = [
    ["ECDSA P-256", () => pemOf(generateKeyPairSync("ec", { namedCurve: "P-256" }))],
    ["ECDSA P-384", () => pemOf(generateKeyPairSync("ec", { namedCurve: "P-384" }))],
    ["Ed25519", () => pemOf(generateKeyPairSync("ed25519"))],
    ["RSA", () => pemOf(generateKeyPairSync("rsa", { modulusLength: 2048 }))],
  ];
  for (const [kind, generate] of keys)
    it(`signs with a key: ${kind}`, async () => {
      const [privatePem = "", publicPem = ""] = generate().split("\0");
      await place({
        "ci.key": privatePem,
        "next.yaml": believing(JSON.stringify({ key: { pem: publicPem }, transparencyLog: "Ignored" })),
      });
      const { code, stdout, stderr } = await check([
        "pod.yaml",
        "--policy=production.yaml",
        "--attest",
        "--key=ci.key",
        "--no-transparency-log",
      ]);
      assert.equal(code, 0, `${stdout}${stderr}`);
      assert.deepEqual(services.asked, []);
      assert.equal((await check(["pod.yaml", "--policy=next.yaml"])).code, 0);
    });

  it("tells a log of what a key signed, and reads encrypted PEM", async () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const sealed = pair.privateKey.export({
      format: "pem",
      type: "pkcs8",
      cipher: "aes-256-cbc",
      passphrase: "secret",
    });
    const publicPem = pair.publicKey.export({ format: "pem", type: "spki" }).toString();
    await place({
      "ci.key": sealed.toString(),
      "next.yaml": believing(
        JSON.stringify({ key: { pem: publicPem }, trustRoot: { inline: services.instance.trustedRoot } }),
      ),
    });
    const args = ["pod.yaml", "--policy=production.yaml", "--attest", "--key=ci.key", `--rekor-url=${services.url}`];
    const wrong = await check(args, { COSIGN_PASSWORD: "another" });
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--key ci\.key: is no private key that can be read: .*COSIGN_PASSWORD/);
    assert.deepEqual(attached(), []);
    const { code, stderr } = await check(args, { COSIGN_PASSWORD: "secret" });
    assert.equal(code, 0, stderr);
    assert.equal((await check(["pod.yaml", "--policy=next.yaml"])).code, 0);
  });

  it("takes the token of the CI", async () => {
    const args = ["pod.yaml", "--policy=production.yaml", "--attest", ...sigstore.slice(0, 2)];
    const SIGSTORE_ID_TOKEN = identityToken({ iss: ISSUER, sub: PIPELINE });
    assert.equal((await check(args, { SIGSTORE_ID_TOKEN })).code, 0);
    assert.equal(attached().length, 1);
  });

  describe("publishes nothing of", () => {
    const image = `--image=${pinned}`;
    const exception =
      "apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityException\nmetadata: {name: legacy}\n" +
      `spec: {policies: ["*"], rules: [All], match: {namespaces: [default]}, reason: moving, expires: "${new Date(Date.now() + 86_400_000).toISOString()}"}\n`;
    const cases: readonly (readonly [
      what: string,
      files: Readonly<Record<string, string>>,
      args: readonly string[],
      code: number,
      why: RegExp,
    ])[] = [
      [
        "an image that is denied",
        { "p.yaml": policy("p", '{registries: {allow: ["quay.io"]}}') },
        [image],
        1,
        /is denied by p: RegistryNotAllowed/,
      ],
      [
        "an image with a warning",
        { "p.yaml": policy("p", '{enforcementAction: warn, registries: {allow: ["quay.io"]}}') },
        [image],
        0,
        /has a warning by p: RegistryNotAllowed/,
      ],
      [
        "what an exception let pass",
        { "p.yaml": policy("p", '{registries: {allow: ["quay.io"]}}'), "e.yaml": exception },
        [image, "--policy=e.yaml"],
        0,
        /passes p by the exception legacy alone/,
      ],
      [
        "what could not be judged and was let in",
        { "p.yaml": policy("p", "{onUnavailable: allow, digest: {verify: true}}") },
        [`--image=127.0.0.1:9/x@${nginx.image.digest}`],
        0,
        /was let in unjudged by p: EvidenceUnavailable/,
      ],
      [
        "a tag",
        { "p.yaml": policy("p", `{registries: {allow: ["${sampleRegistry}"]}}`) },
        [`--image=${tagged}`],
        0,
        /is named by no digest/,
      ],
      [
        "what only a dry run looked at",
        { "p.yaml": policy("p", "{enforcementAction: dryrun, digest: {}}") },
        [image],
        0,
        /no policy that denies or warns is about it/,
      ],
      [
        "what no policy is about",
        { "p.yaml": policy("p", '{match: {images: ["quay.io"]}, digest: {}}') },
        [image],
        0,
        /no policy that denies or warns is about it/,
      ],
      [
        "a digest that is denied in another place",
        {
          "p.yaml": policy("p", '{match: {namespaces: [shop]}, registries: {allow: ["quay.io"]}}'),
          "q.yaml": policy("q", "{digest: {}}"),
          "shop.yaml": pod(pinned).replace("name: web", "name: web, namespace: shop"),
        },
        ["shop.yaml", image, "--policy=q.yaml"],
        1,
        /is denied by p: RegistryNotAllowed/,
      ],
    ];
    for (const [what, files, args, expected, why] of cases)
      it(what, async () => {
        await place(files);
        const { code, stdout, stderr } = await check([...args, "--policy=p.yaml", "--attest", ...sigstore]);
        assert.equal(code, expected, `${stdout}${stderr}`);
        assert.match(stdout, new RegExp(`^not attested: .*${why.source}`, "m"));
        assert.deepEqual(attached(), []);
        assert.deepEqual(services.asked, []);
      });

    it("the other images of an object, but of those that passed", async () => {
      await place({ "two.yaml": pod(pinned).replace("[{", '[{name: other, image: "quay.io/x/y:1"}, {') });
      const { code, stdout } = await check(["two.yaml", "--policy=production.yaml", "--attest", ...sigstore]);
      assert.equal(code, 1);
      assert.match(stdout, new RegExp(`^attested: ${pinned}`, "m"));
      assert.match(stdout, /^not attested: quay\.io\/x\/y:1: is denied by production/m);
      assert.equal(attached().length, 1);
    });

    it("anything without --attest", async () => {
      assert.equal((await check(["pod.yaml", "--policy=production.yaml"])).code, 0);
      assert.deepEqual(services.asked, []);
      assert.ok(registry.requests.every(({ method }) => method === "GET" || method === "HEAD"));
    });
  });

  it("is attested by the digest that a policy pins a tag to", async () => {
    await place({ "pin.yaml": policy("production", "{digest: {pin: Pods}}") });
    const { stdout } = await check([`--image=${tagged}`, "--policy=pin.yaml", "--attest", ...sigstore]);
    assert.match(stdout, new RegExp(`^attested: ${pinned}`, "m"));
  });

  describe("in registries of every kind", () => {
    const attest = (): readonly string[] => ["pod.yaml", "--policy=production.yaml", "--attest", ...sigstore];
    const login = async (user: string): Promise<void> =>
      place({
        "config.json": JSON.stringify({
          auths: { [registry.host]: { auth: Buffer.from(`${user}:secret`).toString("base64") } },
        }),
      });
    const users = {
      writer: { password: "secret", pull: ["*"], push: ["*"] },
      reader: { password: "secret", pull: ["*"] },
    };

    it("without the referrers API, the list is kept under the fallback tag", async () => {
      await registry.close();
      registry = await startRegistry({ referrers: "off" });
      addSamples(registry.store);
      for (const times of [1, 2]) {
        assert.equal((await check(attest())).code, 0);
        const list = registry.store.manifest("nginx", nginx.image.digest.replace(":", "-"));
        assert.deepEqual(
          list?.content.manifests?.map(({ artifactType }) => artifactType),
          Array.from({ length: times }, () => BUNDLE),
        );
      }
      await place({ "next.yaml": believing(keyless()) });
      assert.equal((await check(["pod.yaml", "--policy=next.yaml"])).code, 0);
    });

    for (const type of ["bearer", "basic"] as const)
      it(`with ${type} authentication: whoever may push does, whoever may not is told`, async () => {
        const { store } = registry;
        await registry.close();
        registry = await startRegistry({ store, auth: { type, users } });
        await login("reader");
        const refused = await check(attest(), { DOCKER_CONFIG: folder });
        assert.equal(refused.code, 2, refused.stdout);
        assert.match(refused.stdout, /1 object judged: 1 admitted/);
        assert.match(
          refused.stderr,
          /passed and is not attested: .*refuses access to .*nginx, or does not have it, with the credential at hand/,
        );
        assert.deepEqual(attached(), []);
        await login("writer");
        const { code, stderr } = await check(attest(), { DOCKER_CONFIG: folder });
        assert.equal(code, 0, stderr);
        assert.equal(attached().length, 1);
        const scopes = registry.requests
          .filter(({ target }) => target.startsWith("/token"))
          .map(({ target }) => new URL(target, "http://x").searchParams.get("scope") ?? "");
        const expected = type === "bearer" ? ["repository:nginx:pull", "repository:nginx:pull,push"] : [];
        assert.deepEqual([...new Set(scopes)].toSorted(), expected);
      });
  });

  const faults: readonly (readonly [why: string, args: readonly string[], env: NodeJS.ProcessEnv, expected: RegExp])[] =
    [
      ["nobody to sign as", ["--attest"], {}, /--attest finds nobody to sign as: on GitHub .*id-token: write/],
      [
        "a token that is none",
        ["--attest"],
        { SIGSTORE_ID_TOKEN: "secret-words" },
        /the token of the CI: is no OIDC token/,
      ],
      [
        "a token file that is not there",
        ["--attest", "--identity-token=none"],
        {},
        /--identity-token none: cannot be read/,
      ],
      ["a key file that is not there", ["--attest", "--key=none"], {}, /--key none: cannot be read/],
      ["a key that is none", ["--attest", "--key=token"], {}, /--key token: is no private key/],
      ["a key and a token", ["--attest", "--key=a", "--identity-token=b"], {}, /--key signs with a key/],
      [
        "a log that is wanted and not",
        ["--attest", "--no-transparency-log", "--rekor-url=https://a.b"],
        {},
        /say opposite things/,
      ],
      ["nothing that gives a time", ["--attest", "--no-transparency-log"], {}, /give --timestamp-url/],
      ["a log without times alone", ["--attest", "--rekor-version=2"], {}, /give --timestamp-url/],
      ["a key and Rekor v2", ["--attest", "--key=a", "--rekor-version=2"], {}, /give a log of version 1/],
      ["flags without --attest", ["--key=a"], {}, /--key is about what --attest publishes/],
      ["a service in the clear", ["--attest", "--fulcio-url=http://fulcio.example.com"], {}, /Write https:\/\/HOST/],
    ];
  for (const [why, args, env, expected] of faults)
    it(`ends with 2 before anything is judged for ${why}`, async () => {
      const { code, stdout, stderr } = await check(["pod.yaml", "--policy=production.yaml", ...args], env);
      assert.equal(code, 2, stdout);
      assert.match(stderr, expected);
      assert.doesNotMatch(stderr, /secret-words/);
      assert.equal(stdout, "");
      assert.deepEqual(registry.requests, []);
    });

  for (const [path, what] of [
    ["/api/v2/signingCert", "error creating signing certificate"],
    ["/api/v1/log/entries", "error creating tlog entry"],
  ] as const)
    it(`ends with 2 where ${path} refuses, tells the verdict all the same, and pushes nothing`, async () => {
      services.refuses = { path, code: 403, message: "not on my list" };
      const { code, stdout, stderr } = await check(["pod.yaml", "--policy=production.yaml", "--attest", ...sigstore]);
      assert.equal(code, 2);
      assert.match(stdout, /1 object judged: 1 admitted/);
      assert.match(stderr, new RegExp(`passed and is not attested: could not be signed: ${what}.*not on my list`));
      assert.deepEqual(attached(), []);
    });

  describe("read back by cosign 3", function () {
    this.timeout(180_000);
    const cosign = (args: readonly string[]): Promise<ToolResult> =>
      run("cosign3", args, {
        cwd: folder,
        env: {
          PATH: process.env["PATH"],
          HOME: folder,
          COSIGN_PASSWORD: "password",
          HTTPS_PROXY: "http://127.0.0.1:1",
          HTTP_PROXY: "http://127.0.0.1:1",
        },
      });
    const reference = (): string => `${registry.host}/nginx@${nginx.image.digest}`;

    before(async function () {
      if ((await run("cosign3", ["version"]).catch(() => undefined)) !== undefined) return;
      console.log("      skipped: there is no cosign3 on PATH (.ci/tools)");
      this.skip();
    });

    it("verifies what its own encrypted key signed", async () => {
      assert.equal((await cosign(["generate-key-pair"])).code, 0);
      const attest = ["--attest", "--key=cosign.key", "--no-transparency-log"];
      const done = await check(["pod.yaml", "--policy=production.yaml", ...attest], { COSIGN_PASSWORD: "password" });
      assert.equal(done.code, 0, done.stderr);
      const { code, stdout, stderr } = await cosign([
        "verify-attestation",
        "--key=cosign.pub",
        `--type=${VSA}`,
        "--insecure-ignore-tlog=true",
        "--allow-insecure-registry",
        reference(),
      ]);
      assert.equal(code, 0, stderr);
      const { payload } = JSON.parse(stdout.split("\n")[0] ?? "") as { payload: string };
      assert.deepEqual(JSON.parse(Buffer.from(payload, "base64").toString()), summary());
      const other = ["verify-attestation", "--key=cosign.pub", "--type=slsaprovenance1"];
      assert.notEqual(
        (await cosign([...other, "--insecure-ignore-tlog=true", "--allow-insecure-registry", reference()])).code,
        0,
      );
    });

    it("verifies what the pipeline signed keyless", async () => {
      await place({ "root.json": services.instance.trustedRoot });
      const timestamp = `--timestamp-url=${services.url}`;
      const done = await check(["pod.yaml", "--policy=production.yaml", "--attest", ...sigstore, timestamp]);
      assert.equal(done.code, 0, done.stderr);
      const verify = (identity: string): Promise<ToolResult> =>
        cosign([
          "verify-attestation",
          `--certificate-identity=${identity}`,
          `--certificate-oidc-issuer=${ISSUER}`,
          `--type=${VSA}`,
          "--trusted-root=root.json",
          "--use-signed-timestamps",
          "--allow-insecure-registry",
          reference(),
        ]);
      const { code, stderr } = await verify(PIPELINE);
      assert.equal(code, 0, stderr);
      assert.notEqual((await verify("https://ci.example.com/other")).code, 0);
    });
  });
});

const pemOf = ({ privateKey, publicKey }: ReturnType<typeof generateKeyPairSync>): string =>
  `${privateKey.export({ format: "pem", type: "pkcs8" }).toString()}\0${publicKey.export({ format: "pem", type: "spki" }).toString()}`;
