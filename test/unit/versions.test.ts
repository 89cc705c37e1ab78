import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import about from "../../package.json" with { type: "json" };

const read = (file: string): Promise<string> => readFile(join(import.meta.dirname, "../..", file), "utf8");

/** Every place that a release has to change, beside package.json, with what stands around the version. */
const PLACES: readonly (readonly [file: string, around: RegExp])[] = [
  ["package-lock.json", /"name": "image-security",\n\s+"version": "([^"]+)"/g],
  ["config/manager/deployment.yaml", /image-security:([\d.]+)/g],
  ["config/README.md", /image-security:([\d.]+\d)/g],
  ["config/ci/gitlab.yml", /CHECK_VERSION: "([^"]+)"/g],
  [".pre-commit-hooks.yaml", /image-security@([\d.]+)/g],
  ["action.yml", /default: "(\d[^"]+)"/g],
  ["SECURITY.md", /image-security:([\d.]+)/g],
];

describe("the version", () => {
  for (const [file, around] of PLACES)
    it(`in ${file} is that of package.json`, async () => {
      const found = new Set([...(await read(file)).matchAll(around)].map(([, version]) => version));
      assert.deepEqual([...found], [about.version]);
    });
});
