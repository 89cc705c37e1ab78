import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { run } from "../registry-tools/tools.ts";
import { configFolder } from "./kustomize.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const IMAGE = "ghcr.io/image-security/image-security";
const DIGEST = `sha256:${"a".repeat(64)}`;

describe("install.yaml of a release", function () {
  this.timeout(30_000);

  const install = (...args: readonly string[]): ReturnType<typeof run> =>
    run(join(root, ".ci/install"), args, { cwd: root, env: process.env, input: "" });

  it("is config/default with the image by its digest, and nothing else", async () => {
    const [{ code, stdout, stderr }, plain] = await Promise.all([
      install(IMAGE, DIGEST),
      run("kubectl", ["kustomize", configFolder("default")], { cwd: root, env: process.env, input: "" }),
    ]);
    assert.equal(code, 0, stderr);
    const images = [...stdout.matchAll(/^ +image: (.*)$/gm)].map(([, image]) => image);
    assert.deepEqual([...new Set(images)], [`${IMAGE}@${DIGEST}`]);
    assert.equal(stdout.replaceAll(/^( +image: ).*$/gm, "$1x"), plain.stdout.replaceAll(/^( +image: ).*$/gm, "$1x"));
    assert.ok(parseAllDocuments(stdout).length > 10);
  });

  it("takes no tag in place of the digest", async () => {
    const { code, stdout, stderr } = await install(IMAGE, "v0.1.0");
    assert.deepEqual([code, stdout, stderr], [2, "", "no digest: v0.1.0\n"]);
  });
});
