import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createRegistry } from "../../../../evidence/registry/registry.ts";
import { DEFAULT_REGISTRY_SETTINGS, type RegistrySettings } from "../../../../evidence/registry/settings.ts";
import { status } from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { makeImage } from "../../../../sandbox/registry/images.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { type RegistryOptions, type SandboxRegistry, startRegistry } from "../../../../sandbox/registry/server.ts";
import { makeCertificate, type ServerCertificate } from "./support/certificates.ts";
import { testNetwork } from "./support/names.ts";
import { openReaders, patient, type Readers } from "./support/readers.ts";

const image = makeImage();
const withImage = async (options: RegistryOptions = {}): Promise<SandboxRegistry> => {
  const place = await startRegistry(options);
  addToStore(place.store, "team/app", image, "v1");
  return place;
};
const portOf = ({ host }: SandboxRegistry): number => Number(host.split(":")[1]);
const read = async (readers: Readers, name: string): Promise<string> => {
  const outcome = await readers.open(name).manifest(image.digest, patient());
  return outcome.status === "unavailable" ? outcome.cause : outcome.status;
};

describe("TLS", () => {
  let good: ServerCertificate;
  let expired: ServerCertificate;
  before(async () => {
    good = await makeCertificate(["127.0.0.1", "registry.company.com"]);
    expired = await makeCertificate(["127.0.0.1"], true);
  });
  const settings = (...caBundles: readonly string[]): Partial<RegistrySettings> => ({
    plainHttp: [],
    allowedAddresses: ["127.0.0.0/8"],
    caBundles,
  });

  it("a custom CA is trusted", async () => {
    await using place = await withImage({ tls: good });
    await using readers = openReaders(settings(good.caFile));
    assert.equal(await read(readers, `${place.host}/team/app`), "verified");
  });
  it("an unknown CA is not", async () => {
    await using place = await withImage({ tls: good });
    await using readers = openReaders(settings());
    assert.equal(await read(readers, `${place.host}/team/app`), "tls");
    assert.equal(place.requests.length, 0);
  });
  it("an expired certificate is not", async () => {
    await using place = await withImage({ tls: expired });
    await using readers = openReaders(settings(expired.caFile));
    assert.equal(await read(readers, `${place.host}/team/app`), "tls");
  });
  it("a certificate of another name is not", async () => {
    await using place = await withImage({ tls: good });
    const network = testNetwork({ "evil.example": ["203.0.113.1"] }, { "203.0.113.1:443": portOf(place) });
    await using readers = openReaders(settings(good.caFile), { network });
    assert.equal(await read(readers, "evil.example/team/app"), "tls");
  });
  it("what is wrong is said, with the flag that helps", async () => {
    const message = async (given: Partial<RegistrySettings>, place: SandboxRegistry): Promise<string> => {
      await using readers = openReaders(given);
      const outcome = await readers.open(`${place.host}/team/app`).manifest(image.digest, patient());
      return "message" in outcome ? outcome.message : outcome.status;
    };
    await using unknown = await withImage({ tls: good });
    assert.match(await message(settings(), unknown), /an authority that is not trusted; name its CA in --registry-ca$/);
    await using old = await withImage({ tls: expired });
    assert.match(await message(settings(expired.caFile), old), /has expired; renew it$/);
    await using plain = await withImage();
    assert.match(await message(settings(), plain), /does not speak TLS .*--registry-plain-http$/);
    // As Go's server answers plain HTTP where it speaks TLS. The same status by TLS has another cause.
    const misbehave = [{ as: status(400) }];
    await using secure = await withImage({ misbehave });
    assert.match(
      await message({ ...settings(), plainHttp: ["127.0.0.1"] }, secure),
      /answers with status 400 when asked for .*; is --registry-plain-http right for it\?$/,
    );
    await using odd = await withImage({ tls: good, misbehave });
    assert.doesNotMatch(await message(settings(good.caFile), odd), /plain-http/);
    const network = testNetwork({ "evil.example": ["203.0.113.1"] }, { "203.0.113.1:443": portOf(unknown) });
    await using readers = openReaders(settings(good.caFile), { network });
    const other = await readers.open("evil.example/team/app").manifest(image.digest, patient());
    assert.match("message" in other ? other.message : "", /has a certificate for another name/);
  });
  it("the name is sent, and compared", async () => {
    await using place = await withImage({ tls: good });
    const network = testNetwork({ "registry.company.com": ["203.0.113.1"] }, { "203.0.113.1:443": portOf(place) });
    await using readers = openReaders(settings(good.caFile), { network });
    assert.equal(await read(readers, "registry.company.com/team/app"), "verified");
    assert.deepEqual(network.log, ["resolve registry.company.com", "dial 203.0.113.1:443"]);
  });
  it("plain HTTP is not spoken where nothing says so", async () => {
    await using place = await withImage();
    await using readers = openReaders(settings());
    assert.equal(await read(readers, `${place.host}/team/app`), "tls");
    assert.equal(place.requests.length, 0);
  });
  it("a CA file that is not there is told at the start", () =>
    assert.throws(
      () =>
        createRegistry({
          settings: { ...DEFAULT_REGISTRY_SETTINGS, caBundles: ["/nowhere/ca.crt"] },
          metrics: openReaders().metrics,
        }),
      /^Error: --registry-ca \/nowhere\/ca\.crt cannot be read$/,
    ));
});

describe("connections", () => {
  it("nobody there, and a name that is none", async () => {
    const network = testNetwork({ "down.example": ["203.0.113.1"] });
    await using readers = openReaders({}, { network });
    assert.equal(await read(readers, "down.example/team/app"), "network");
    assert.equal(await read(readers, "unknown.example/team/app"), "network");
  });
  it("are used again", async () => {
    await using place = await withImage();
    const network = testNetwork({}, { [`127.0.0.1:${portOf(place)}`]: portOf(place) });
    await using readers = openReaders({}, { network });
    const app = readers.open(`${place.host}/team/app`);
    for (const tag of ["v1", "v2", "v3", "v4"]) await app.resolveTag(tag, patient());
    // A second one where the first answer was still being read.
    assert.ok(network.log.filter((line) => line.startsWith("dial")).length <= 2);
  });
  it("are bounded for one registry", async () => {
    let [now, most] = [0, 0];
    const place = await withImage({
      misbehave: [
        {
          as: async (_, answer) => {
            most = Math.max(most, ++now);
            await new Promise((resolve) => void setTimeout(resolve, 20));
            now -= 1;
            return answer();
          },
        },
      ],
    });
    await using readers = openReaders({ concurrency: 3 });
    const app = readers.open(`${place.host}/team/app`);
    await Promise.all(Array.from({ length: 30 }, async (_, nth) => app.resolveTag(`v${nth}`, patient())));
    assert.equal(most, 3);
    await place.close();
  });
});

describe("mirrors", () => {
  const mirrored = (url: string): Partial<RegistrySettings> => ({
    plainHttp: [],
    mirrors: new Map([["registry.company.com", url]]),
  });

  it("are asked instead, and their address may be dialled", async () => {
    await using place = await withImage();
    await using readers = openReaders(mirrored(place.url));
    assert.equal(await read(readers, "registry.company.com/team/app"), "verified");
    assert.deepEqual(
      readers.metrics.requests.map(({ registry }) => registry),
      ["registry.company.com"],
    );
  });
  it("work one way: the mirror's own name stays what it is, and is not allowed by being a mirror of another", async () => {
    await using place = await withImage();
    await using readers = openReaders(mirrored(place.url));
    assert.equal(await read(readers, `${place.host}/team/app`), "invalid", "loopback over TLS, which no flag names");
  });
  it("may have a path of their own", async () => {
    await using place = await startRegistry();
    addToStore(place.store, "cache/company/team/app", image, "v1");
    await using readers = openReaders(mirrored(`${place.url}/cache/company`));
    assert.equal(await read(readers, "registry.company.com/team/app"), "verified");
  });
  for (const written of ["index.docker.io", "registry-1.docker.io", "docker.io:443", "Docker.IO"]) {
    it(`a flag for ${written} is one for docker.io`, async () => {
      await using place = await withImage();
      await using readers = openReaders({ plainHttp: [], mirrors: new Map([[written, place.url]]) });
      assert.equal(await read(readers, "docker.io/team/app"), "verified");
    });
  }
  it("one that is no address is told at the start", () =>
    assert.throws(() => openReaders({ mirrors: new Map([["a.io", "http://user:pw@x"]]) })));
  it("messages do not name them", async () => {
    await using place = await startRegistry();
    await using readers = openReaders(mirrored(`${place.url}/secret-cache`));
    const outcome = await readers.open("registry.company.com/team/app").resolveTag("v1", patient());
    assert.ok(outcome.status === "absent");
    assert.doesNotMatch(outcome.message, /127\.0\.0\.1|secret-cache/);
  });
});

/** A proxy that only knows CONNECT, on loopback, and leads every target to one port. */
async function startProxy(
  target: () => number,
  password?: string,
): Promise<{ url: string; seen: string[]; server: Server }> {
  const seen: string[] = [];
  const server = createServer((_, response) => void response.writeHead(405).end());
  server.on("connect", (request, client, head) => {
    client.on("error", () => undefined);
    seen.push(`${request.url}`);
    const wanted = password === undefined ? undefined : `Basic ${Buffer.from(password).toString("base64")}`;
    if (request.headers["proxy-authorization"] !== wanted) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const upstream = connect({ host: "127.0.0.1", port: target() }, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  // It listens on TCP, so its address is an object.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server };
}

describe("proxies", () => {
  it("carry TLS end to end, and resolve the name themselves", async () => {
    const tls = await makeCertificate(["registry.company.com"]);
    await using place = await withImage({ tls });
    const proxy = await startProxy(() => portOf(place), "user:pass word");
    const withUser = proxy.url.replace("//", "//user:pass%20word@");
    await using readers = openReaders({ plainHttp: [], caBundles: [tls.caFile], proxy: { https: withUser, none: [] } });
    assert.equal(await read(readers, "registry.company.com/team/app"), "verified");
    assert.deepEqual(proxy.seen, ["registry.company.com:443"]);
    proxy.server.close();
  });
  it("one that refuses is an outage", async () => {
    const proxy = await startProxy(() => 1, "user:secret");
    await using readers = openReaders({ plainHttp: [], proxy: { https: proxy.url, none: [] } });
    assert.equal(await read(readers, "registry.company.com/team/app"), "network");
    proxy.server.close();
  });
  it("one that is not there is an outage", async () => {
    await using readers = openReaders({ plainHttp: [], proxy: { https: "http://127.0.0.1:1", none: [] } });
    assert.equal(await read(readers, "registry.company.com/team/app"), "network");
  });
  it("do not open what is refused: a literal address is filtered here", async () => {
    const proxy = await startProxy(() => 1);
    await using readers = openReaders({ plainHttp: [], proxy: { https: proxy.url, none: [] } });
    assert.equal(await read(readers, "169.254.169.254/team/app"), "invalid");
    assert.deepEqual(proxy.seen, []);
    proxy.server.close();
  });
});
