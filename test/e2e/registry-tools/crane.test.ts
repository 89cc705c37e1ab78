import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage, makeIndex } from "../../../sandbox/registry/images.ts";
import { push } from "../../../sandbox/registry/push.ts";
import { addSamples, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type RegistryOptions, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { selfSigned } from "./selfSigned.ts";
import { findTool, run, toolTimeout, type ToolResult } from "./tools.ts";

const users = { tester: { password: "secret", pull: ["*"], push: ["*"] } };

describe("crane against the sandbox registry", () => {
  let program: string;
  let directory: string;
  let registry: SandboxRegistry;

  /** crane with no credentials but those in `directory`. */
  const craneWith = async (environment: Record<string, string>, ...args: string[]): Promise<ToolResult> =>
    run(program, args, { cwd: directory, env: { HOME: directory, DOCKER_CONFIG: directory, ...environment } });
  const crane = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await craneWith({}, ...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const start = async (options: RegistryOptions = {}): Promise<void> => {
    registry = await startRegistry(options);
    addSamples(registry.store);
  };

  before(async function () {
    this.timeout(toolTimeout);
    const found = await findTool("crane");
    if (found === undefined) {
      console.log("      skipped: crane is built with Go, and there is no `go` on PATH");
      this.skip();
    }
    program = found;
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "crane-"));
  });
  afterEach(async () => {
    await registry.close();
    await rm(directory, { recursive: true });
  });

  it("finds every sample whole, by tag and by digest", async () => {
    await start();
    for (const { repository, tag, image } of samples) {
      assert.equal(await crane("digest", `${registry.host}/${repository}:${tag}`), image.digest);
      await crane("validate", "--remote", `${registry.host}/${repository}@${image.digest}`);
    }
    assert.deepEqual((await crane("ls", `${registry.host}/nginx`)).split("\n"), ["v1.21", "v1.22"]);
    assert.ok((await crane("catalog", registry.host)).split("\n").includes("payments/api"));
  });

  it("finds what our own images unpack to, OCI and Docker", async () => {
    await start();
    for (const docker of [false, true]) {
      const { pushed, digest } = await pushIndex(docker);
      await crane("validate", "--remote", pushed);
      assert.equal(await crane("digest", "--platform", "linux/arm64", pushed), digest);
    }
  });

  it("pulls, pushes, copies, tags, mutates and deletes", async () => {
    await start();
    const nginx = `${registry.host}/nginx:v1.21`;
    await crane("pull", nginx, "nginx.tar");
    const pushed = await crane("push", "nginx.tar", `${registry.host}/pushed:v1`);
    await crane("validate", "--remote", pushed);

    await crane("copy", `${registry.host}/team/app:v2`, `${registry.host}/copied/app:v2`);
    assert.equal(
      await crane("digest", `${registry.host}/copied/app:v2`),
      await crane("digest", `${registry.host}/team/app:v2`),
    );

    await crane("tag", nginx, "moved");
    assert.equal(await crane("digest", `${registry.host}/nginx:moved`), await crane("digest", nginx));

    await crane("mutate", "--annotation", "trivy.scan.result={}", "-t", `${registry.host}/nginx:scanned`, nginx);
    const manifest = JSON.parse(await crane("manifest", `${registry.host}/nginx:scanned`)) as { annotations: object };
    assert.ok("trivy.scan.result" in manifest.annotations);

    // Any tar is a layer.
    await crane("append", "-f", "nginx.tar", "-b", `${registry.host}/base/debian:12`, "-t", `${registry.host}/new:1`);
    await crane("validate", "--remote", `${registry.host}/new:1`);

    await crane("delete", `${registry.host}/nginx:moved`);
    assert.deepEqual((await crane("ls", `${registry.host}/nginx`)).split("\n"), ["scanned", "v1.21", "v1.22"]);
  });

  for (const type of ["basic", "bearer"] as const) {
    it(`logs in with ${type}, and is refused without`, async () => {
      await start({ auth: { type, users } });
      const reference = `${registry.host}/nginx:v1.21`;
      assert.notEqual((await craneWith({}, "digest", reference)).code, 0);
      await crane("auth", "login", registry.host, "-u", "tester", "-p", "secret");
      await crane("digest", reference);
      await crane("copy", reference, `${registry.host}/copied/nginx:v1`);
    });
  }

  it("goes over TLS with a CA that it is told", async () => {
    const tls = await selfSigned("127.0.0.1");
    await start({ tls });
    const authorities = join(directory, "ca.crt");
    await writeFile(authorities, tls.cert);
    const reference = `${registry.host}/nginx:v1.21`;
    await assert.rejects(fetch(`${registry.url}/v2/`), "who does not know the CA gets nowhere");
    const trusted = await craneWith({ SSL_CERT_FILE: authorities }, "digest", reference);
    assert.equal(trusted.code, 0, trusted.stderr);
  });

  it("sees bytes that do not hash to their digest", async () => {
    await start();
    const nginx = samples[0]!.image;
    registry.store.putManifest("nginx", { ...samples[1]!.image, digest: nginx.digest });
    const { code, stderr } = await craneWith({}, "manifest", `${registry.host}/nginx@${nginx.digest}`);
    assert.notEqual(code, 0);
    assert.match(stderr, /digest/);
  });

  async function pushIndex(docker: boolean): Promise<{ pushed: string; digest: string }> {
    const arm = makeImage({ docker, platform: { os: "linux", architecture: "arm64" } });
    await push(registry.url, "made", makeIndex([makeImage({ docker }), arm], { docker }), { tag: "v1" });
    return { pushed: `${registry.host}/made:v1`, digest: arm.digest };
  }
});
