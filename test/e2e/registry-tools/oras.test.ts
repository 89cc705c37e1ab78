import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fallbackTag } from "../../../sandbox/registry/content/digest.ts";
import { addSamples, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type RegistryOptions, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { findTool, run, toolTimeout } from "./tools.ts";

const nginx = samples[0]!.image;

describe("oras against the sandbox registry", () => {
  let program: string;
  let directory: string;
  let registry: SandboxRegistry;

  const oras = async (...args: string[]): Promise<string> => {
    const env = { HOME: directory, DOCKER_CONFIG: directory };
    const { code, stdout, stderr } = await run(program, args, { cwd: directory, env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** The artifactTypes of what is attached to an image. */
  const attached = async (reference: string): Promise<string[]> => {
    const found = JSON.parse(await oras("discover", "--plain-http", "--format", "json", reference)) as {
      referrers?: { artifactType: string }[];
      manifests?: { artifactType: string }[];
    };
    return (found.referrers ?? found.manifests ?? []).map(({ artifactType }) => artifactType);
  };
  const start = async (options: RegistryOptions = {}): Promise<void> => {
    registry = await startRegistry(options);
    addSamples(registry.store);
  };

  before(async function () {
    this.timeout(toolTimeout);
    const found = await findTool("oras");
    if (found === undefined) {
      console.log("      skipped: oras is built with Go, and there is no `go` on PATH");
      this.skip();
    }
    program = found;
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "oras-"));
    await writeFile(join(directory, "sbom.json"), "{}");
  });
  afterEach(async () => {
    await registry.close();
    await rm(directory, { recursive: true });
  });

  it("pushes and pulls an artifact", async () => {
    await start();
    const reference = `${registry.host}/artifacts/sbom:v1`;
    await oras("push", "--plain-http", reference, "--artifact-type", "a/sbom", "sbom.json:application/json");
    await oras("pull", "--plain-http", reference, "-o", "pulled");
    assert.equal(await readFile(join(directory, "pulled", "sbom.json"), "utf8"), "{}");
  });

  for (const referrers of ["api", "off"] as const) {
    it(`attaches and discovers with the referrers API ${referrers === "api" ? "on" : "off"}`, async () => {
      await start({ referrers });
      const reference = `${registry.host}/nginx:v1.21`;
      await oras("attach", "--plain-http", reference, "--artifact-type", "a/sbom", "sbom.json");
      await oras("attach", "--plain-http", reference, "--artifact-type", "a/scan", "sbom.json");
      assert.deepEqual((await attached(reference)).toSorted(), ["a/sbom", "a/scan"]);
      // Without the API the client keeps the list itself; with it there must be none.
      const list = registry.store.manifest("nginx", fallbackTag(nginx.digest));
      assert.equal(list?.content.manifests?.length, referrers === "api" ? undefined : 2);
    });
  }

  it("copies an image with what is attached to it, page by page", async () => {
    await start({ pageSize: 1 });
    const reference = `${registry.host}/nginx:v1.21`;
    for (const type of ["a/sbom", "a/scan", "a/sig"]) {
      await oras("attach", "--plain-http", reference, "--artifact-type", type, "sbom.json");
    }
    const copy = `${registry.host}/copied/nginx:v1`;
    await oras("copy", "--from-plain-http", "--to-plain-http", "-r", reference, copy);
    assert.deepEqual((await attached(copy)).toSorted(), ["a/sbom", "a/scan", "a/sig"]);
  });

  it("logs in with a token server", async () => {
    const users = { tester: { password: "secret", pull: ["*"], push: ["*"] } };
    await start({ auth: { type: "bearer", users } });
    await oras("login", "--plain-http", registry.host, "-u", "tester", "-p", "secret");
    const reference = `${registry.host}/nginx:v1.21`;
    await oras("attach", "--plain-http", reference, "--artifact-type", "a/sbom", "sbom.json");
    assert.deepEqual(await attached(reference), ["a/sbom"]);
  });
});
