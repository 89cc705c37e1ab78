import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { goPackages } from "../../../sandbox/binaries/goBuild.ts";
import { kubernetesVersion } from "../../../sandbox/versions.ts";

describe("what the pinned module builds", () => {
  let goMod: string;
  before(async () => {
    goMod = await readFile(new URL("../../../sandbox/controlplane/go.mod", import.meta.url), "utf8");
  });

  it("is what the version says", () => {
    assert.match(goMod, new RegExp(`\\tk8s.io/kubernetes v${kubernetesVersion}\\b`));
  });

  it("has every staging module of the same release", () => {
    const replaced = [...goMod.matchAll(/^\t(k8s\.io\/\S+) => (\S+) (v\S+)$/gm)];
    assert.ok(replaced.length >= 30);
    for (const [, name, by, version] of replaced) {
      assert.equal(by, name);
      assert.equal(version, kubernetesVersion.replace(/^1\./, "v0."), name);
    }
  });

  it("is named in it", () => {
    for (const place of Object.values(goPackages)) assert.ok(goMod.includes(`\t${place}\n`), place);
  });
});
