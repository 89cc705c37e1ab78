import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import type { ImageSecurityPolicy } from "../../crds/types.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string): Promise<string> => readFile(join(root, file), "utf8");

interface Workflow {
  readonly permissions?: object;
  readonly env?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly permissions?: object; readonly steps: readonly Step[] }>>;
}
interface Step {
  readonly uses?: string;
  readonly run?: string;
}

/** CycloneDX, and what npm locks. */
interface Sbom {
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly { readonly group?: string; readonly name: string; readonly version: string }[];
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly dev?: boolean }>>;
}

describe("the workflows", () => {
  it("name every action by its commit, and give each job the rights that it needs", async () => {
    for await (const file of glob(".github/workflows/*.yml", { cwd: root })) {
      const { permissions, jobs } = parse(await read(file)) as Workflow;
      assert.deepEqual(permissions, {}, file);
      for (const [name, { permissions: own, steps }] of Object.entries(jobs)) {
        assert.ok(own !== undefined, `${file}: ${name}`);
        for (const { uses } of steps) if (uses !== undefined) assert.match(uses, /@[0-9a-f]{40}$/, file);
      }
    }
  });

  it("run scripts that there are", async () => {
    for await (const file of glob(".github/workflows/*.yml", { cwd: root }))
      for (const [script] of (await read(file)).matchAll(/\.ci\/\w+/g))
        assert.ok(existsSync(join(root, script)), script);
  });
});

describe("a release", () => {
  it("tells every package that the image has: also those that development needs as well", async () => {
    const { stdout } = await promisify(execFile)(join(root, ".ci/sbom"), { maxBuffer: 64 * 1024 * 1024 });
    const { metadata, components } = JSON.parse(stdout) as Sbom;
    assert.equal(metadata.component.name, "image-security");
    const { packages } = JSON.parse(await read("package-lock.json")) as Lock;
    const installed = Object.entries(packages)
      .filter(([place, { dev }]) => place !== "" && dev !== true)
      .map(([place, { version }]) => `${place.slice(place.lastIndexOf("node_modules/") + 13)}@${version}`);
    const told = components.map(
      ({ group, name, version }) => `${group === undefined ? "" : `${group}/`}${name}@${version}`,
    );
    assert.deepEqual([...new Set(told)].toSorted(), [...new Set(installed)].toSorted());
  }).timeout(30_000);

  it("is what the sample policy for the operator's own image asks for", async () => {
    const { env } = parse(await read(".github/workflows/release.yml")) as Workflow;
    const { spec } = parse(await read("config/samples/itself.yaml")) as ImageSecurityPolicy;
    assert.deepEqual(spec.registries?.allow, [env?.["IMAGE"]]);
    const { repository } = JSON.parse(await read("package.json")) as { repository: { url: string } };
    const [, name] = /^git\+https:\/\/github\.com\/(.*)\.git$/.exec(repository.url) ?? [];
    const [identity] = spec.authorities?.[0]?.keyless?.identities ?? [];
    assert.match(
      `https://github.com/${name}/.github/workflows/release.yml@refs/tags/v0.1.0`,
      new RegExp(`^(?:${identity?.subjectRegExp})$`),
    );
  });
});
