import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readManifests } from "../../../sandbox/applyManifests.ts";

describe("the manifests of a folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "manifests-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const names = async (): Promise<readonly unknown[]> =>
    (await readManifests(folder)).map((object) => (object["metadata"] as { name: string }).name);
  const manifest = (kind: string, name: string): string => `kind: ${kind}\nmetadata: {name: ${name}}\n`;

  it("are all documents of all YAML files, namespaces and what is referred to first", async () => {
    await writeFile(
      join(folder, "b.yaml"),
      `# nothing here\n---\n${manifest("X", "b1")}---\n${manifest("Secret", "b2")}`,
    );
    await writeFile(join(folder, "a.yml"), manifest("X", "a"));
    await writeFile(join(folder, "c.yaml"), manifest("Namespace", "c"));
    await writeFile(join(folder, "README.md"), manifest("X", "readme"));
    assert.deepEqual(await names(), ["c", "b2", "a", "b1"]);
  });

  for (const kustomization of ["kustomization.yaml", "kustomization.yml", "Kustomization"]) {
    it(`are those that ${kustomization} names`, async () => {
      await writeFile(join(folder, kustomization), "resources:\n  - b.yaml\n  - a.yaml\n");
      for (const name of ["a", "b", "c"]) await writeFile(join(folder, `${name}.yaml`), manifest("X", name));
      assert.deepEqual(await names(), ["b", "a"]);
    });
  }

  it("know merge keys, as kubectl does", async () => {
    await writeFile(join(folder, "a.yaml"), "base: &base {kind: X}\nmetadata: {name: a}\n<<: *base\n");
    assert.equal((await readManifests(folder))[0]?.["kind"], "X");
  });

  it("are refused where the YAML is broken, with the file's name", async () => {
    await writeFile(join(folder, "broken.yaml"), "kind: X\n  a: b: c\n");
    await assert.rejects(readManifests(folder), /broken\.yaml: /);
  });
});
