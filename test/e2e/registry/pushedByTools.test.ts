import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addSamples, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry } from "../../../sandbox/registry/server.ts";
import { openReaders, patient } from "../../unit/evidence/registry/support/readers.ts";
import { findTool, run, toolTimeout, type Tool } from "../registry-tools/tools.ts";

const [sample] = samples;

describe("what other clients pushed to the sandbox registry", () => {
  let directory: string;
  const programs = new Map<Tool, string>();
  const use = async (tool: Tool, ...args: readonly string[]): Promise<string> => {
    const env = { HOME: directory, DOCKER_CONFIG: directory };
    const { code, stdout, stderr } = await run(programs.get(tool) ?? tool, args, { cwd: directory, env });
    assert.equal(code, 0, stderr);
    return stdout;
  };

  before(async function () {
    this.timeout(toolTimeout);
    for (const tool of ["crane", "oras"] as const) {
      const found = await findTool(tool);
      if (found === undefined) {
        console.log(`      skipped: ${tool} is built with Go, and there is no \`go\` on PATH`);
        this.skip();
      }
      programs.set(tool, found);
    }
    directory = await mkdtemp(join(tmpdir(), "tools-"));
    await writeFile(join(directory, "layer.tar"), Buffer.alloc(1024));
    await writeFile(join(directory, "sbom.json"), "{}");
  });
  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it("crane: an image, an index of it, and its digest", async () => {
    await using place = await startRegistry();
    const image = `${place.host}/team/crane`;
    await use("crane", "append", "--insecure", "-f", "layer.tar", "-t", `${image}:v1`);
    await use("crane", "mutate", "--insecure", `${image}:v1`, "--annotation", "org.example=yes", "-t", `${image}:v2`);
    await use("crane", "index", "append", "--insecure", "-m", `${image}:v1`, "-m", `${image}:v2`, "-t", `${image}:all`);
    await using readers = openReaders();
    const reader = readers.open(image);
    for (const tag of ["v1", "v2", "all"]) {
      const outcome = await reader.manifestByTag(tag, patient());
      assert.ok(outcome.status === "verified", tag);
      assert.equal(outcome.value.digest, await use("crane", "digest", "--insecure", `${image}:${tag}`));
      if (tag === "v2") assert.deepEqual(outcome.value.annotations, { "org.example": "yes" });
      if (tag === "all") assert.equal(outcome.value.manifests.length, 2);
    }
  }).timeout(60_000);

  for (const referrers of ["api", "off"] as const) {
    it(`oras: what is attached to an image, where the referrers API is ${referrers}`, async () => {
      assert.ok(sample);
      await using place = await startRegistry({ referrers });
      addSamples(place.store);
      const image = `${place.host}/${sample.repository}`;
      for (const type of ["a/sbom", "b/scan"]) {
        const written = `${image}:${sample.tag}`;
        await use("oras", "attach", "--plain-http", written, "--artifact-type", type, "sbom.json:application/json");
      }
      await using readers = openReaders();
      const pages = await Array.fromAsync(readers.open(image).referrers(sample.image.digest, patient()));
      const types = pages.flatMap((page) =>
        page.status === "verified" ? page.value.map(({ artifactType }) => artifactType) : [page.status],
      );
      assert.deepEqual(new Set(types), new Set(["a/sbom", "b/scan"]));
    }).timeout(60_000);
  }
});
