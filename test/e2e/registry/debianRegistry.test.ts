import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { literalSource } from "../../../evidence/registry/auth/credential.ts";
import { makeArtifact, makeImage, makeIndex } from "../../../sandbox/registry/images.ts";
import { push } from "../../../sandbox/registry/push.ts";
import { makeCertificate } from "../../unit/evidence/registry/support/certificates.ts";
import { cluster, engine, pod, policy } from "../../unit/evidence/registry/support/judging.ts";
import { openReaders, patient } from "../../unit/evidence/registry/support/readers.ts";
import { findTool, run, toolTimeout } from "../registry-tools/tools.ts";
import { type DebianRegistry, findDebianRegistry, startDebianRegistry } from "./debianRegistry.ts";

const image = makeImage();
const index = makeIndex([image, makeImage({ platform: { os: "linux", architecture: "arm64" } })]);
/** `debian-password`, in bcrypt. */
const HTPASSWD = "tester:$2y$05$abcdefghijklmnopqrstuuD8IVzEVwO92YEAHHf/Cv3M1BCg61dtC\n";
const basic = `Basic ${Buffer.from("tester:debian-password").toString("base64")}`;
const verify = policy({ digest: { verify: true, required: false, tagDrift: "Deny" } });

describe("Debian's docker-registry, which has no referrers API", () => {
  let program: string;
  before(async function () {
    const found = await findDebianRegistry();
    if (found === undefined) {
      console.log("      skipped: docker-registry is not installed (apt-get install docker-registry)");
      this.skip();
    }
    program = found;
  });

  it("tags, digests, blobs and what is not there", async () => {
    await using place = await startDebianRegistry(program);
    await push(place.url, "team/app", index, { tag: "v1" });
    await using readers = openReaders();
    const app = readers.open(`${place.host}/team/app`);
    const tag = await app.resolveTag("v1", patient());
    assert.ok(tag.status === "verified" && tag.value.digest === index.digest);
    const manifest = await app.manifest(image.digest, patient());
    assert.ok(manifest.status === "verified");
    assert.equal((await app.blob(image.configDigest, 10_000, patient())).status, "verified");
    assert.equal((await app.resolveTag("v2", patient())).status, "absent");
    assert.equal((await app.manifest(`sha256:${"0".repeat(64)}`, patient())).status, "absent");
    assert.equal((await app.manifest(`sha512:${"0".repeat(128)}`, patient())).status, "absent", "it knows no SHA-512");
    assert.equal((await readers.open(`${place.host}/no/where`).resolveTag("v1", patient())).status, "absent");
    readers.tick(700_000);
    assert.equal((await app.manifest(image.digest, patient())).status, "verified", "confirmed by HEAD");
    assert.equal((await app.resolveTag("v1", patient())).status, "verified");
  });

  it("referrers come from the fallback tag", async () => {
    await using place = await startDebianRegistry(program);
    await push(place.url, "team/app", index, { tag: "v1" });
    const signature = makeArtifact({
      artifactType: "application/x-sig",
      subject: index,
      layers: [{ mediaType: "text/plain", bytes: "sig" }],
    });
    await push(place.url, "team/app", signature);
    const list = makeIndex([signature]);
    await push(place.url, "team/app", list, { tag: index.digest.replace(":", "-") });
    await using readers = openReaders();
    const pages = await Array.fromAsync(readers.open(`${place.host}/team/app`).referrers(index.digest, patient()));
    assert.deepEqual(
      pages.map((page) => (page.status === "verified" ? page.value.map(({ digest }) => digest) : page.status)),
      [[signature.digest]],
    );
  });

  it("basic authentication, with an imagePullSecret", async () => {
    await using place = await startDebianRegistry(program, { htpasswd: HTPASSWD });
    await push(place.url, "team/app", index, { tag: "v1", authorization: basic });
    const secrets = cluster({
      "team/pull": { [place.host]: ["tester", "debian-password"] },
      "team/wrong": { [place.host]: ["tester", "wrong"] },
    });
    await using own = engine({ readPullSecrets: true }, { cluster: secrets });
    const written = `${place.host}/team/app:v1@${index.digest}`;
    assert.equal(await own.say([verify], pod(written, { pullSecrets: ["pull"] })), "allow");
    assert.match(
      await own.say([verify], pod(written, { pullSecrets: ["wrong"] })),
      /^deny, deny digest EvidenceUnavailable/,
    );
    assert.match(await own.say([verify], pod(written)), /^deny, deny digest EvidenceUnavailable/);
  });

  it("TLS with a custom CA, behind a mirror", async () => {
    const tls = await makeCertificate(["127.0.0.1"]);
    await using place = await startDebianRegistry(program, { tls });
    await using readers = openReaders({
      plainHttp: [],
      caBundles: [tls.caFile],
      mirrors: new Map([["registry.company.com", place.url]]),
    });
    const outcome = await readers.open("registry.company.com/team/app").resolveTag("v1", patient());
    assert.equal(outcome.status, "absent", "it was reached");
  });

  describe("with content that crane pushed", () => {
    let crane: string;
    let directory: string;
    let place: DebianRegistry;
    before(async function () {
      this.timeout(toolTimeout);
      const found = await findTool("crane");
      if (found === undefined) {
        console.log("      skipped: crane is built with Go, and there is no `go` on PATH");
        this.skip();
      }
      crane = found;
      directory = await mkdtemp(join(tmpdir(), "crane-"));
      place = await startDebianRegistry(program, { htpasswd: HTPASSWD });
    });
    after(async () => {
      await place?.[Symbol.asyncDispose]();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    });

    it("is read, and what crane says of it is what we say", async () => {
      const use = async (...args: readonly string[]): Promise<string> => {
        const { code, stdout, stderr } = await run(crane, args, { env: { HOME: directory, DOCKER_CONFIG: directory } });
        assert.equal(code, 0, stderr);
        return stdout;
      };
      const layer = join(directory, "layer.tar");
      // Two blocks of zeros are an empty archive.
      await writeFile(layer, Buffer.alloc(1024));
      await use("auth", "login", place.host, "-u", "tester", "-p", "debian-password");
      await use("append", "-f", layer, "-t", `${place.host}/team/crane:v1`, "--insecure");
      await use(
        "mutate",
        `${place.host}/team/crane:v1`,
        "--annotation",
        "hello=world",
        "-t",
        `${place.host}/team/crane:v2`,
        "--insecure",
      );
      const digest = await use("digest", `${place.host}/team/crane:v2`, "--insecure");
      await using readers = openReaders();
      const app = readers.open(
        `${place.host}/team/crane`,
        literalSource({ username: "tester", password: "debian-password" }),
      );
      const tag = await app.manifestByTag("v2", patient());
      assert.ok(tag.status === "verified");
      assert.equal(tag.value.digest, digest);
      assert.deepEqual(tag.value.annotations, { hello: "world" });
    }).timeout(60_000);
  });
});
