import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
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
