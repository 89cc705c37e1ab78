import assert from "node:assert/strict";
import { literalSource } from "../../evidence/registry/auth/credential.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import {
  challenge,
  nextPageAt,
  redirect,
  redirectChain,
  redirectLoop,
} from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { makeCertificate } from "../unit/evidence/registry/support/certificates.ts";
import { testNetwork } from "../unit/evidence/registry/support/names.ts";
import { openReaders, patient, type Readers } from "../unit/evidence/registry/support/readers.ts";

const image = makeImage();
const PUBLIC = "203.0.113.7";

/** `registry.example` at a public address that leads to this place, plain HTTP. */
const at = (
  place: SandboxRegistry,
  more: Readonly<Record<string, readonly string[]>> = {},
): ReturnType<typeof testNetwork> =>
  testNetwork({ "registry.example": [PUBLIC], ...more }, { [`${PUBLIC}:80`]: Number(place.host.split(":")[1]) });

async function withImage(): Promise<SandboxRegistry> {
  const place = await startRegistry();
  addToStore(place.store, "team/app", image, "v1");
  return place;
}

const told = async (readers: Readers, name: string): Promise<string> => {
  const outcome = await readers
    .open(name, literalSource({ username: "canary", password: "canary" }))
    .manifest(image.digest, patient());
  if (outcome.status === "verified") return "verified";
  assert.doesNotMatch(
    outcome.message,
    /\b(?:\d{1,3}\.){3}\d{1,3}\b(?!:\d)|metadata|internal/,
    "no detail of the surroundings",
  );
  return outcome.status === "unavailable" ? outcome.cause : outcome.status;
};

describe("addresses that are not dialled (CVE-2026-48978, CVE-2025-27403, CVE-2026-88887)", () => {
  const refused: readonly (readonly [why: string, addresses: readonly string[]])[] = [
    ["loopback", ["127.0.0.1"]],
    ["loopback over IPv6", ["::1"]],
    ["link-local", ["169.254.10.10"]],
    ["cloud metadata", ["169.254.169.254"]],
    ["cloud metadata over IPv6", ["fd00:ec2::254"]],
    ["IPv4-mapped loopback", ["::ffff:127.0.0.1"]],
    ["IPv4-mapped metadata", ["::ffff:a9fe:a9fe"]],
    ["unspecified", ["0.0.0.0"]],
    ["multicast", ["224.0.0.1"]],
    ["the cluster's services", ["10.96.0.1"]],
    ["nothing but such addresses", ["127.0.0.1", "169.254.169.254", "10.96.0.10"]],
  ];
  for (const [why, addresses] of refused) {
    it(`a registry's name that stands for ${why}`, async () => {
      const network = testNetwork({ "registry.example": addresses });
      await using readers = openReaders(
        { serviceRanges: ["10.96.0.0/12"], plainHttp: ["registry.example"] },
        { network },
      );
      assert.equal(await told(readers, "registry.example/team/app"), "invalid");
      assert.deepEqual(network.log, ["resolve registry.example"]);
    });
  }

  for (const host of ["127.0.0.1:5000", "169.254.169.254", "[::1]:5000", "[::ffff:169.254.169.254]", "10.96.0.1:443"]) {
    it(`a registry that is written as ${host}`, async () => {
      const network = testNetwork({});
      await using readers = openReaders({ serviceRanges: ["10.96.0.0/12"], plainHttp: [] }, { network });
      const outcome = await readers.open(`${host}/team/app`).manifest(image.digest, patient());
      assert.equal(outcome.status, "invalid");
      assert.deepEqual(network.log, []);
    });
  }

  it("of a name with good and refused addresses only the good ones are dialled", async () => {
    await using place = await withImage();
    const network = testNetwork(
      { "registry.example": ["127.0.0.1", PUBLIC] },
      { [`${PUBLIC}:80`]: Number(place.host.split(":")[1]) },
    );
    await using readers = openReaders({ plainHttp: ["registry.example"] }, { network });
    assert.equal(await told(readers, "registry.example/team/app"), "verified");
    assert.deepEqual(network.log, ["resolve registry.example", `dial ${PUBLIC}:80`]);
  });

  it("DNS rebinding: the address that was checked is the one that is dialled, and each new connection is checked", async () => {
    await using place = await withImage();
    const network = testNetwork(
      { "registry.example": [[PUBLIC], ["169.254.169.254"]] },
      { [`${PUBLIC}:80`]: Number(place.host.split(":")[1]) },
    );
    await using readers = openReaders({ plainHttp: ["registry.example"], concurrency: 4 }, { network });
    assert.equal(await told(readers, "registry.example/team/app"), "verified");
    const app = readers.open("registry.example/team/app");
    // More at once than there are connections: the others resolve again, and get the rebound address.
    const outcomes = await Promise.all(["a", "b", "c", "d"].map(async (tag) => app.resolveTag(tag, patient())));
    assert.ok(outcomes.some(({ status }) => status === "invalid"));
    assert.ok(
      network.log.every((line) => !line.includes("169.254")),
      network.log.join(", "),
    );
  });

  it("a flag allows an address", async () => {
    await using place = await withImage();
    const network = testNetwork(
      { "registry.example": ["10.96.0.5"] },
      { "10.96.0.5:80": Number(place.host.split(":")[1]) },
    );
    const settings = {
      plainHttp: ["registry.example"],
      serviceRanges: ["10.96.0.0/12"],
      allowedAddresses: ["10.96.0.5"],
    };
    await using readers = openReaders(settings, { network });
    assert.equal(await told(readers, "registry.example/team/app"), "verified");
  });

  it("a plain-HTTP name says nothing about where it leads", async () => {
    const network = testNetwork({ "registry.example": ["127.0.0.1"] });
    await using readers = openReaders({ plainHttp: ["registry.example"] }, { network });
    assert.equal(await told(readers, "registry.example/team/app"), "invalid");
  });
});

describe("places that a registry may not send us to", () => {
  const targets: readonly (readonly [why: string, url: string])[] = [
    ["metadata by address", "http://169.254.169.254/latest/meta-data/iam/"],
    ["metadata by name", "http://metadata.internal/computeMetadata/v1/"],
    ["loopback", "http://127.0.0.1:10255/pods"],
    ["loopback in octal", "http://0177.0.0.1/"],
    ["loopback as a number", "http://2130706433/"],
    ["loopback over IPv6", "http://[::1]/"],
    ["another scheme", "file:///etc/passwd"],
    ["an address with a password", "http://user:pw@registry.example/"],
  ];
  const names = { "metadata.internal": ["169.254.169.254"] };

  for (const [why, url] of targets) {
    it(`by redirect: ${why}`, async () => {
      await using place = await withImage();
      place.misbehave({ when: { kind: "manifest" }, as: redirect(url) });
      const network = at(place, names);
      await using readers = openReaders({ plainHttp: ["registry.example"] }, { network });
      assert.equal(await told(readers, "registry.example/team/app"), "invalid");
      assert.ok(
        network.log.every((line) => !line.startsWith("dial") || line.includes(PUBLIC)),
        network.log.join(", "),
      );
    });
    it(`by token realm: ${why}`, async () => {
      await using place = await withImage();
      place.misbehave({ as: challenge(`Bearer realm="${url}",service="x"`) });
      const network = at(place, names);
      await using readers = openReaders({ plainHttp: ["registry.example"] }, { network });
      assert.equal(await told(readers, "registry.example/team/app"), "invalid");
      assert.ok(
        network.log.every((line) => !line.startsWith("dial") || line.includes(PUBLIC)),
        network.log.join(", "),
      );
    });
    it(`by the next page of referrers: ${why}`, async () => {
      await using place = await withImage();
      place.misbehave({ when: { kind: "referrers" }, as: nextPageAt(url) });
      const network = at(place, names);
      await using readers = openReaders({ plainHttp: ["registry.example"] }, { network });
      const pages = await Array.fromAsync(readers.open("registry.example/team/app").referrers(image.digest, patient()));
      assert.ok(pages.some(({ status }) => status === "invalid"));
      assert.ok(
        network.log.every((line) => !line.startsWith("dial") || line.includes(PUBLIC)),
        network.log.join(", "),
      );
    });
  }

  it("from TLS into plain HTTP", async () => {
    const tls = await makeCertificate(["registry.example"]);
    await using place = await startRegistry({ tls, misbehave: [{ as: redirect("http://other.example/v2/") }] });
    const network = testNetwork(
      { "registry.example": [PUBLIC], "other.example": [PUBLIC] },
      { [`${PUBLIC}:443`]: Number(place.host.split(":")[1]) },
    );
    await using readers = openReaders({ plainHttp: [], caBundles: [tls.caFile] }, { network });
    assert.equal(await told(readers, "registry.example/team/app"), "invalid");
    assert.ok(!network.log.includes("resolve other.example"));
  });

  for (const [why, misbehaviour] of [
    ["round and round", redirectLoop()],
    ["on and on", redirectChain()],
  ] as const) {
    it(`redirects ${why}`, async () => {
      await using place = await withImage();
      place.misbehave({ as: misbehaviour });
      await using readers = openReaders();
      assert.equal(await told(readers, `${place.host}/team/app`), "invalid");
      assert.ok(place.requests.length <= 6);
    });
  }
});
