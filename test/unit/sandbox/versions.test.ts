import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { goPackages, versionFor, type GoProgram } from "../../../sandbox/binaries/goBuild.ts";
import { defaultVersion, kubernetesVersions, versionOf } from "../../../sandbox/versions.ts";

const controlplane = new URL("../../../sandbox/controlplane/", import.meta.url);

describe("the versions of Kubernetes", () => {
  it("are those that are pinned, of one patch each", async () => {
    const folders = (await readdir(controlplane)).filter((name) => name !== "pin.ts");
    const listed = kubernetesVersions.map(({ series }) => series);
    assert.deepEqual(folders.toSorted(), listed.toSorted());
    assert.ok(kubernetesVersions.includes(defaultVersion));
  });

  it("are found by their series, and what is not here is told with what is", () => {
    assert.equal(versionOf("1.36"), defaultVersion);
    for (const unknown of ["1.29", "1.36.3", "v1.36", "latest"])
      assert.throws(() => versionOf(unknown), /there is no Kubernetes .* here: take one of 1\.30, .*1\.36/, unknown);
  });
});

for (const version of kubernetesVersions) {
  describe(`what the module of ${version.series} builds`, () => {
    let goMod: string;
    before(async () => {
      goMod = await readFile(new URL(`${version.series}/go.mod`, controlplane), "utf8");
    });

    it("is what the version says", () => {
      assert.equal(version.version.split(".").slice(0, 2).join("."), version.series);
      assert.match(goMod, new RegExp(`\\tk8s.io/kubernetes v${version.version}\\b`));
    });

    it("has every staging module of the same release", () => {
      const replaced = [...goMod.matchAll(/^\t(k8s\.io\/\S+) => (\S+) (v\S+)$/gm)];
      assert.ok(replaced.length >= 30);
      for (const [, name, by, of] of replaced) {
        assert.equal(by, name);
        assert.equal(of, version.version.replace(/^1\./, "v0."), name);
      }
    });

    it("is named in it", () => {
      // The keys are GoProgram.
      for (const [program, place] of Object.entries(goPackages) as [GoProgram, string][])
        if (versionFor(program, version) === version)
          assert.match(goMod, new RegExp(`^(?:tool |\\t)${place}$`, "m"), program);
    });
  });
}
