import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fingerprintsOf } from "../../../../evidence/sigstore/fingerprints.ts";
import { createKmsKeys, type KmsKeys, type KmsOptions } from "../../../../evidence/trust/keys/kmsKeys.ts";
import { fingerprintOfKey } from "../../../../policy/compile/authorities/publicKeys.ts";
import { eventually } from "../../../e2e/harness/eventually.ts";
import { MemoryRepository, readFixture } from "./memoryRepository.ts";
import { byKey, compile, contextOf, evidenceUnderTest, findingsOf, judge, reasonsOf, signedBy } from "./underTest.ts";

interface Reply {
  readonly status?: number;
  readonly body: unknown;
}
interface Service {
  readonly host: string;
  readonly url: string;
  readonly seen: { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: string }[];
  reply: (path: string, body: string) => Reply;
  readonly close: () => Promise<void>;
}

/** A key service on loopback. */
const service = async (reply: Service["reply"]): Promise<Service> => {
  const running: { reply: Service["reply"] } = { reply };
  const seen: Service["seen"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const path = request.url ?? "";
      seen.push({ path, headers: request.headers, body });
      const { status = 200, body: answer } = running.reply(path, body);
      const text = typeof answer === "string" ? answer : JSON.stringify(answer);
      response
        .writeHead(status, { "content-type": "application/x-amz-json-1.1", location: "http://127.0.0.1:1/" })
        .end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Bound to an address, so it has one.
  const { port } = server.address() as AddressInfo;
  return Object.assign(running, {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    seen,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
};

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
const ed25519 = generateKeyPairSync("ed25519").publicKey;
const pem = (key: KeyObject): string => String(key.export({ format: "pem", type: "spki" }));
const der = (key: KeyObject): Buffer => key.export({ format: "der", type: "spki" });
const never = new AbortController().signal;

describe("keys in key services", () => {
  const clock = { now: 1_000_000 };
  let running: Service | undefined;
  let failures: string[];
  const start = async (reply: Service["reply"]): Promise<Service> => (running = await service(reply));
  const keys = (options: Partial<KmsOptions> = {}): KmsKeys =>
    createKmsKeys({ clock: () => clock.now, onFailure: (uri) => failures.push(uri), ...options });
  const say = async (store: KmsKeys, uri: string): Promise<string> => {
    const outcome = await store.get(uri, never);
    if (outcome.status === "verified") return outcome.value.fingerprint;
    return outcome.status === "unavailable"
      ? `unavailable ${outcome.cause}: ${outcome.message}`
      : `${outcome.status}: ${outcome.message}`;
  };
  const before = { ...process.env };
  beforeEach(() => {
    failures = [];
    process.env["AWS_ACCESS_KEY_ID"] = "test";
    process.env["AWS_SECRET_ACCESS_KEY"] = "test";
    process.env["AWS_REGION"] = "eu-central-1";
  });
  afterEach(async () => {
    await running?.close();
    running = undefined;
    process.env = { ...before };
  });

  describe("of AWS", () => {
    const uri = (host: string): string => `awskms://${host}/alias/release`;
    it("are read with GetPublicKey", async () => {
      const { host, seen } = await start(() => ({
        body: {
          KeyId: "k",
          KeyUsage: "SIGN_VERIFY",
          PublicKey: der(p256).toString("base64"),
          SigningAlgorithms: ["ECDSA_SHA_256"],
        },
      }));
      const store = keys({ aws: { plainHttp: [host] } });
      assert.equal(await say(store, uri(host)), fingerprintOfKey(p256));
      assert.equal(seen[0]?.headers["x-amz-target"], "TrentService.GetPublicKey");
      assert.deepEqual(JSON.parse(seen[0]?.body ?? ""), { KeyId: "alias/release" });
    });
    it("are read through the environment's proxy", async () => {
      // The proxy answers itself: the name is never looked up.
      const proxy = await start(() => ({ body: { KeyUsage: "SIGN_VERIFY", PublicKey: der(p256).toString("base64") } }));
      process.env["HTTP_PROXY"] = proxy.url;
      const store = keys({ aws: { plainHttp: ["kms.invalid"] } });
      assert.equal(await say(store, uri("kms.invalid")), fingerprintOfKey(p256));
      // The path is the whole URL, unless another test's mock of TUF repositories has replaced node:http by its own.
      assert.equal(proxy.seen[0]?.headers["host"], "kms.invalid");
    });
    it("that do not parse are unusable", async () => {
      const { host } = await start(() => ({ body: { KeyUsage: "SIGN_VERIFY", PublicKey: "AAAA" } }));
      assert.match(await say(keys({ aws: { plainHttp: [host] } }), uri(host)), /^invalid: .*does not parse/);
    });
    it("that are not there, or are for encryption, are unusable", async () => {
      const running = await start(() => ({ status: 400, body: { __type: "NotFoundException", message: "no" } }));
      const aws = { plainHttp: [running.host] };
      assert.match(await say(keys({ aws }), uri(running.host)), /^invalid: .*AWS KMS says NotFoundException/);
      running.reply = () => ({ body: { KeyUsage: "ENCRYPT_DECRYPT", PublicKey: der(rsa).toString("base64") } });
      assert.match(await say(keys({ aws }), uri(running.host)), /^invalid: .*not for signing/);
    });
    it("that cannot be asked for are unavailable", async () => {
      const running = await start(() => ({ status: 400, body: { __type: "AccessDeniedException" } }));
      const aws = { plainHttp: [running.host] };
      assert.match(await say(keys({ aws }), uri(running.host)), /^unavailable kms: /);
      running.reply = () => ({ status: 500, body: "oops" });
      assert.match(await say(keys({ aws }), uri(running.host)), /^unavailable kms: /);
      assert.match(await say(keys({ aws: { plainHttp: ["127.0.0.1:1"] } }), uri("127.0.0.1:1")), /^unavailable kms: /);
    }).timeout(20_000);
  });

  describe("of Google Cloud", () => {
    const name = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
    const token = (): Promise<string> => Promise.resolve("t0ken");
    it("are read by version", async () => {
      const { url, seen } = await start((path) => ({ body: path.endsWith("/3/publicKey") ? { pem: pem(p256) } : {} }));
      assert.equal(
        await say(keys({ gcp: { endpoint: url, token } }), `gcpkms://${name}/versions/3`),
        fingerprintOfKey(p256),
      );
      assert.equal(seen[0]?.path, `/v1/${name}/cryptoKeyVersions/3/publicKey`);
      assert.equal(seen[0]?.headers.authorization, "Bearer t0ken");
    });
    it("without a version are the newest enabled one, by number and over all pages", async () => {
      const version = (at: number, state = "ENABLED") => ({ name: `${name}/cryptoKeyVersions/${at}`, state });
      const { url } = await start((path) => {
        if (path.includes("/10/publicKey")) return { body: { pem: pem(p256) } };
        if (path.includes("/publicKey")) return { body: { pem: pem(rsa) } };
        return path.includes("pageToken=2")
          ? { body: { cryptoKeyVersions: [version(10), version(11, "DISABLED")] } }
          : { body: { cryptoKeyVersions: [version(9)], nextPageToken: "2" } };
      });
      assert.equal(await say(keys({ gcp: { endpoint: url, token } }), `gcpkms://${name}`), fingerprintOfKey(p256));
    });
    it("of a version that was disabled are unusable, and what it was trusted for ends", async () => {
      const running = await start(() => ({ body: { pem: pem(p256) } }));
      const store = keys({ gcp: { endpoint: running.url, token } });
      const uri = `gcpkms://${name}/versions/1`;
      await say(store, uri);
      const message = "cryptoKeyVersions/1 is not enabled, current state is: DISABLED.";
      running.reply = () => ({ status: 400, body: { error: { code: 400, message, status: "FAILED_PRECONDITION" } } });
      clock.now += 6 * 60_000;
      store.peek(uri);
      await eventually(() => assert.equal(store.peek(uri), undefined));
      assert.match(await say(store, uri), /^invalid: .*not enabled/);
      running.reply = () => ({ status: 400, body: { error: { code: 400, status: "INVALID_ARGUMENT" } } });
      assert.match(await say(keys({ gcp: { endpoint: running.url, token } }), uri), /^unavailable kms: /);
    });
    it("that are not there are unusable, others unavailable", async () => {
      const running = await start(() => ({ status: 404, body: {} }));
      const gcp = { endpoint: running.url, token };
      assert.match(await say(keys({ gcp }), `gcpkms://${name}`), /^invalid: .*no such key/);
      running.reply = () => ({ body: { cryptoKeyVersions: [] } });
      assert.match(await say(keys({ gcp }), `gcpkms://${name}`), /^invalid: .*no enabled version/);
      for (const status of [401, 403, 429, 500, 503, 302]) {
        running.reply = () => ({ status, body: {} });
        assert.match(await say(keys({ gcp }), `gcpkms://${name}/versions/1`), /^unavailable kms: /, String(status));
      }
      running.reply = () => ({ body: "garbage" });
      assert.match(await say(keys({ gcp }), `gcpkms://${name}/versions/1`), /^unavailable kms: /);
      running.reply = () => ({ body: `"${"x".repeat(2_000_000)}"` });
      assert.match(await say(keys({ gcp }), `gcpkms://${name}/versions/1`), /^unavailable kms: /);
      const refused = { ...gcp, token: () => Promise.reject(new Error("no credentials at 10.0.0.1")) };
      const message = await say(keys({ gcp: refused }), `gcpkms://${name}/versions/1`);
      assert.match(message, /^unavailable kms: .*no credentials for Google Cloud KMS/);
      assert.doesNotMatch(message, /10\.0\.0\.1/, "what a library says of our surroundings is not told");
    });
  });

  describe("of Azure", () => {
    it("are read as JWK, also those of an HSM, and the token is for the vault's own domain", async () => {
      const scopes: string[] = [];
      const token = (scope: string): Promise<string> => (scopes.push(scope), Promise.resolve("t0ken"));
      const { url, seen } = await start((path) => ({
        body: path.startsWith("/keys/rsa")
          ? { key: { ...rsa.export({ format: "jwk" }), kid: "x" } }
          : { key: { ...p256.export({ format: "jwk" }), kty: "EC-HSM" } },
      }));
      const azure = { token, vaults: new Map([["team.vault.azure.net", url]]) };
      assert.equal(await say(keys({ azure }), "azurekms://team.vault.azure.net/ec/1"), fingerprintOfKey(p256));
      assert.equal(await say(keys({ azure }), "azurekms://team.vault.azure.net/rsa"), fingerprintOfKey(rsa));
      assert.deepEqual(
        seen.map(({ path }) => path.split("?")[0]),
        ["/keys/ec/1", "/keys/rsa"],
      );
      assert.deepEqual(new Set(scopes), new Set(["https://vault.azure.net/.default"]));
    });
    it("of a host that is not Azure's get no token", async () => {
      let asked = false;
      const token = (): Promise<string> => ((asked = true), Promise.resolve("t0ken"));
      for (const host of ["evil.example.com", "vault.azure.net.evil.com", "evilvault.azure.net"])
        assert.match(
          await say(keys({ azure: { token } }), `azurekms://${host}/key`),
          /^invalid: .*not a key vault of Azure/,
          host,
        );
      assert.equal(asked, false);
    });
    it("that are disabled, or no keys for signing, are unusable", async () => {
      const running = await start(() => ({
        body: { attributes: { enabled: false }, key: p256.export({ format: "jwk" }) },
      }));
      const azure = { token: () => Promise.resolve("t"), vaults: new Map([["v.vault.azure.net", running.url]]) };
      assert.match(await say(keys({ azure }), "azurekms://v.vault.azure.net/key"), /^invalid: .*disabled/);
      running.reply = () => ({ body: { key: { kty: "oct" } } });
      assert.match(await say(keys({ azure }), "azurekms://v.vault.azure.net/key"), /^invalid: .*not for signing/);
    });
  });

  describe("of Vault and OpenBao", () => {
    const transit = (latest: number, versions: Record<string, unknown>, type = "ecdsa-p256") => ({
      data: { type, latest_version: latest, keys: versions },
    });
    it("are the latest version of a transit key", async () => {
      const { url, seen } = await start(() => ({
        body: transit(2, { 1: { public_key: pem(rsa) }, 2: { public_key: pem(p256) } }),
      }));
      const vault = { address: `${url}/`, login: { type: "token", token: "t0ken" }, namespace: "team" } as const;
      assert.equal(await say(keys({ vault }), "hashivault://release"), fingerprintOfKey(p256));
      assert.equal(await say(keys({ vault }), "openbao://release"), fingerprintOfKey(p256));
      assert.equal(seen[0]?.path, "/v1/transit/keys/release");
      assert.equal(seen[0]?.headers["x-vault-token"], "t0ken");
      assert.equal(seen[0]?.headers["x-vault-namespace"], "team");
    });
    it("are read through the environment's proxy", async () => {
      const proxy = await start(() => ({ body: transit(1, { 1: { public_key: pem(p256) } }) }));
      process.env["HTTP_PROXY"] = proxy.url;
      const vault = { address: "http://vault.invalid", login: { type: "token", token: "t" } } as const;
      assert.equal(await say(keys({ vault }), "hashivault://release"), fingerprintOfKey(p256));
      assert.equal(proxy.seen[0]?.path, "http://vault.invalid/v1/transit/keys/release");
    });
    it("are raw where they are Ed25519", async () => {
      const raw = der(ed25519).subarray(-32).toString("base64");
      const { url } = await start(() => ({ body: transit(1, { 1: { name: "ed25519", public_key: raw } }, "ed25519") }));
      assert.equal(
        await say(keys({ vault: { address: url, login: { type: "token", token: "t" } } }), "hashivault://k"),
        fingerprintOfKey(ed25519),
      );
    });
    it("are read with the pod's own token, or one from a file", async () => {
      const directory = await mkdtemp(join(tmpdir(), "vault-"));
      const file = join(directory, "token");
      await writeFile(file, "jwt\n");
      const { url, seen } = await start((path) => ({
        body: path.includes("/login")
          ? { auth: { client_token: "given" } }
          : transit(1, { 1: { public_key: pem(p256) } }),
      }));
      const login = { type: "kubernetes", role: "image-security", jwtFile: file } as const;
      assert.equal(await say(keys({ vault: { address: url, login } }), "hashivault://k"), fingerprintOfKey(p256));
      assert.deepEqual(
        seen.map(({ path }) => path),
        ["/v1/auth/kubernetes/login", "/v1/transit/keys/k"],
      );
      assert.deepEqual(JSON.parse(seen[0]?.body ?? ""), { role: "image-security", jwt: "jwt" });
      assert.equal(seen[1]?.headers["x-vault-token"], "given");
      const fromFile = { address: url, login: { type: "tokenFile", path: file } } as const;
      assert.equal(await say(keys({ vault: fromFile }), "hashivault://k"), fingerprintOfKey(p256));
      assert.equal(seen[2]?.headers["x-vault-token"], "jwt");
      await rm(directory, { recursive: true });
      assert.match(await say(keys({ vault: fromFile }), "hashivault://k"), /^unavailable kms: .*token for Vault/);
    });
    it("are unavailable without a Vault, sealed, or with another answer", async () => {
      assert.match(await say(keys(), "hashivault://k"), /^unavailable kms: .*no Vault is configured/);
      const running = await start(() => ({ status: 503, body: {} }));
      const vault = { address: running.url, login: { type: "token", token: "t" } } as const;
      assert.match(await say(keys({ vault }), "hashivault://k"), /^unavailable kms: .*answered 503/);
      running.reply = () => ({ status: 404, body: {} });
      assert.match(await say(keys({ vault }), "hashivault://k"), /^invalid: .*no such key/);
      for (const body of [{}, transit(1, {}), transit(1, { 1: {} }), transit(1, { 1: { public_key: "garbage" } })]) {
        running.reply = () => ({ body });
        assert.match(await say(keys({ vault }), "hashivault://k"), /^invalid: /, JSON.stringify(body));
      }
      running.reply = () => ({ body: transit(1, { 1: { public_key: pem(weak) } }) });
      assert.match(await say(keys({ vault }), "hashivault://k"), /^invalid: .*RSA key of 1024 bits/);
    });
  });

  describe("are kept", () => {
    const vaultAt = (url: string): Partial<KmsOptions> => ({
      vault: { address: url, login: { type: "token", token: "t" } },
    });
    const answer = (key: KeyObject): Reply => ({
      body: { data: { latest_version: 1, keys: { 1: { public_key: pem(key) } } } },
    });

    it("for minutes, renewed in the background, and asked for once by all who wait", async () => {
      const running = await start(() => answer(p256));
      const store = keys(vaultAt(running.url));
      assert.equal(store.peek("hashivault://k"), undefined);
      await Promise.all(Array.from({ length: 20 }, () => say(store, "hashivault://k")));
      assert.equal(running.seen.length, 1);
      clock.now += 4 * 60_000;
      assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(p256));
      assert.equal(running.seen.length, 1);
      running.reply = () => answer(rsa);
      clock.now += 2 * 60_000;
      // The old one at once; the new one when it is there.
      assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(p256));
      await eventually(async () => assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(rsa)));
    });

    it("for a quarter of an hour beside a dead service, then they are unavailable", async () => {
      const running = await start(() => answer(p256));
      const store = keys(vaultAt(running.url));
      await say(store, "hashivault://k");
      running.reply = () => ({ status: 500, body: {} });
      clock.now += 10 * 60_000;
      assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(p256));
      clock.now += 6 * 60_000;
      assert.match(await say(store, "hashivault://k"), /^unavailable kms: /);
      assert.deepEqual(store.peek("hashivault://k")?.fresh, false);
      running.reply = () => answer(p256);
      clock.now += 3_000;
      assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(p256));
    });

    it("until the clock is set back: then they are fetched anew", async () => {
      const running = await start(() => answer(p256));
      const store = keys(vaultAt(running.url));
      await say(store, "hashivault://k");
      running.reply = () => answer(rsa);
      clock.now -= 60 * 60_000;
      assert.equal(await say(store, "hashivault://k"), fingerprintOfKey(rsa));
    });

    it("no longer than the service says that they are there", async () => {
      const running = await start(() => answer(p256));
      const store = keys(vaultAt(running.url));
      await say(store, "hashivault://k");
      running.reply = () => ({ status: 404, body: {} });
      clock.now += 6 * 60_000;
      await say(store, "hashivault://k");
      await eventually(async () => {
        clock.now += 3_000;
        assert.match(await say(store, "hashivault://k"), /^invalid: /);
      });
    });

    it("and somebody is told when they become known, another or none, and not otherwise", async () => {
      let told = 0;
      const running = await start(() => answer(p256));
      const store = keys({ ...vaultAt(running.url), onChange: () => (told += 1) });
      const renewed = async (): Promise<void> => {
        const before = running.seen.length;
        clock.now += 6 * 60_000;
        store.peek("hashivault://k");
        await eventually(async () => assert.ok(running.seen.length > before));
      };
      await say(store, "hashivault://k");
      assert.equal(told, 1);
      for (const [reply, expected] of [
        [answer(p256), 1],
        [answer(rsa), 2],
        [{ status: 500, body: {} }, 2],
        [answer(rsa), 2],
        [{ status: 404, body: {} }, 3],
        [answer(rsa), 4],
      ] as const) {
        running.reply = () => reply;
        await renewed();
        await eventually(async () => assert.equal(told, expected));
      }
    });

    it("and asked for again after an attempt that hung", async () => {
      let asked = 0;
      const token = (): Promise<string> => (++asked === 1 ? new Promise(() => undefined) : Promise.resolve("t"));
      const { url } = await start(() => ({ body: { pem: pem(p256) } }));
      const uri = "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k/versions/1";
      const store = keys({ gcp: { endpoint: url, token }, attempt: 20 });
      assert.match(await say(store, uri), /^unavailable kms: /);
      clock.now += 3_000;
      assert.equal(await say(store, uri), fingerprintOfKey(p256));
    });

    it("for the status, and one that is gone is shown to be trusted no longer", async () => {
      let told = 0;
      const running = await start(() => answer(p256));
      const kms = keys({ ...vaultAt(running.url), onChange: () => (told += 1) });
      const roots = {
        peek: () => undefined,
        until: () => Infinity,
        get: () => Promise.reject(new Error("asks for no root")),
      };
      const { authorities } = compile(signedBy({ ...byKey(""), key: { kms: "hashivault://k" } }));
      const prints = () => [...authorities.values()].map((one) => fingerprintsOf(one, { kms, roots }));
      assert.deepEqual(prints(), [undefined], "not known yet");
      await eventually(() => assert.deepEqual(prints(), [[fingerprintOfKey(p256)]]));
      running.reply = () => ({ status: 404, body: {} });
      clock.now += 6 * 60_000;
      prints();
      await eventually(() => assert.equal(told, 2));
      assert.deepEqual(prints(), [[]]);
      // An operator that starts beside a key that is gone has to say so, too.
      const restarted = keys({ ...vaultAt(running.url), onChange: () => (told += 1) });
      await say(restarted, "hashivault://k");
      assert.equal(told, 3);
      assert.equal(restarted.isGone("hashivault://k"), true);
    });

    it("while nobody waits longer than the deadline", async () => {
      const running = await start(() => answer(p256));
      running.reply = () => answer(p256);
      const store = keys({ gcp: { token: () => new Promise(() => undefined) } });
      const outcome = await store.get(
        "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
        AbortSignal.timeout(20),
      );
      assert.deepEqual(outcome, {
        status: "unavailable",
        cause: "kms",
        message: "the key could not be fetched in time",
      });
    });
  });

  describe("that hang", () => {
    const fixture = readFixture("cosign3-signature");
    const { digest } = fixture;
    const literal = byKey(fixture.publicKey, { name: "literal" });
    const slow = {
      ...byKey(""),
      name: "slow",
      key: { kms: "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k" },
    };
    const hanging = () =>
      evidenceUnderTest(clock, { kms: keys({ gcp: { token: () => new Promise<string>(() => undefined) } }) });

    it("hold no other policy's verdict: the signature that it asks for is found meanwhile", async () => {
      const policies = [compile(signedBy(literal)), compile(signedBy(slow))];
      const asking = {
        repository: MemoryRepository.of("cosign3-signature"),
        digest,
        signal: AbortSignal.timeout(1_000),
      };
      const facts = await hanging().provider.gather(contextOf(policies, asking));
      const reasons = policies.map((policy) => reasonsOf(findingsOf(policy, facts, asking)));
      assert.deepEqual(reasons, [[], ["EvidenceUnavailable"]]);
    });
    it("nor excuse an image that has no signature of another", async () => {
      const other = byKey(pem(p256), { name: "other" });
      const policies = [compile(signedBy(other)), compile(signedBy(slow))];
      const asking = {
        repository: MemoryRepository.of("cosign3-signature"),
        digest,
        signal: AbortSignal.timeout(1_000),
      };
      const facts = await hanging().provider.gather(contextOf(policies, asking));
      const reasons = policies.map((policy) => reasonsOf(findingsOf(policy, facts, asking)));
      assert.deepEqual(reasons, [["SignatureUntrusted"], ["EvidenceUnavailable"]]);
    });
    it("are not waited for where another authority is enough", async () => {
      const spec = signedBy(slow, literal);
      const policy = compile({ ...spec, signatures: { authorities: ["slow", "literal"], count: 1 } });
      const asking = { repository: MemoryRepository.of("cosign3-signature"), digest };
      assert.deepEqual((await judge(hanging(), policy, asking)).findings, []);
    });
  });

  describe("judge signatures", () => {
    const fixture = readFixture("cosign3-signature");
    const { digest } = fixture;
    const policy = compile(signedBy({ ...byKey(""), key: { kms: "hashivault://k" } }));
    const keyed = (text: string): Reply => ({
      body: { data: { latest_version: 1, keys: { 1: { public_key: text } } } },
    });

    it("like literal keys, and a rotated key ends what the old one proved", async () => {
      const running = await start(() => keyed(fixture.publicKey));
      const time = { now: Date.now() };
      const kms = createKmsKeys({
        clock: () => time.now,
        onFailure: () => undefined,
        vault: { address: running.url, login: { type: "token", token: "t" } },
      });
      const evidence = evidenceUnderTest(time, { kms });
      const repository = MemoryRepository.of("cosign3-signature");
      assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
      running.reply = () => keyed(pem(p256));
      time.now += 6 * 60_000;
      await judge(evidence, policy, { repository, digest });
      await eventually(async () =>
        assert.deepEqual(reasonsOf((await judge(evidence, policy, { repository, digest })).findings), [
          "SignatureUntrusted",
        ]),
      );
    });

    it("are unavailable for new images while the service is, and what was proved stays proved", async () => {
      const running = await start(() => keyed(fixture.publicKey));
      const time = { now: Date.now() };
      const kms = createKmsKeys({
        clock: () => time.now,
        onFailure: () => undefined,
        vault: { address: running.url, login: { type: "token", token: "t" } },
      });
      const evidence = evidenceUnderTest(time, { kms });
      const repository = MemoryRepository.of("cosign3-signature", "cosign3-other-image");
      assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
      running.reply = () => ({ status: 500, body: {} });
      time.now += 3_600_000;
      assert.deepEqual((await judge(evidence, policy, { repository, digest })).findings, []);
      const other = readFixture("cosign3-other-image").digest;
      const { findings } = await judge(evidence, policy, { repository, digest: other });
      assert.deepEqual(reasonsOf(findings), ["EvidenceUnavailable"]);
      assert.equal(findings[0]?.unavailable, "evidence");
    });

    it("that do not exist are the policy's fault, not an outage", async () => {
      const running = await start(() => ({ status: 404, body: {} }));
      const kms = createKmsKeys({
        clock: Date.now,
        onFailure: () => undefined,
        vault: { address: running.url, login: { type: "token", token: "t" } },
      });
      const repository = MemoryRepository.of("cosign3-signature");
      const { findings } = await judge(evidenceUnderTest(undefined, { kms }), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), ["SignatureUntrusted"]);
      assert.match(findings[0]!.detail, /its key cannot be used: there is no such key/);
    });
  });
});
