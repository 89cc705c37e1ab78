import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (name: string): Promise<string> => readFile(join(root, name), "utf8");

/** Where the command line leads that the image leaves out: a sandbox has no place in a cluster. */
const LEFT_OUT = "sandbox";

describe("the operator's image", () => {
  it("has the Node of the lock file", async () => {
    const { dependencies } = JSON.parse(await read("package.json")) as {
      dependencies: Readonly<Record<string, string>>;
    };
    const [, version] = /^ARG NODE_IMAGE=node:([0-9.]+)-/m.exec(await read("Dockerfile")) ?? [];
    assert.equal(version, dependencies["node"]);
  });

  it("runs as nobody", async () => {
    const users = [...(await read("Dockerfile")).matchAll(/^USER (.*)$/gm)].map(([, user]) => user);
    assert.deepEqual(users, ["65532:65532"]);
  });

  it("holds every file and package that the operator loads", async () => {
    const { dependencies } = JSON.parse(await read("package.json")) as { dependencies: object };
    const copied = new Set(
      [...(await read("Dockerfile")).matchAll(/^COPY ([\w.]+) \.\/(?:\1)?$/gm)].map(([, place]) => place ?? ""),
    );
    assert.ok(copied.has("operator"));
    const ignored = (await read(".dockerignore")).split("\n");
    for (const place of copied) assert.ok(ignored.includes(`!${place}`), `.dockerignore leaves out ${place}`);

    const seen = new Set<string>();
    const missing: string[] = [];
    const visit = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const folder = relative(root, file).split("/")[0] ?? "";
      if (folder === LEFT_OUT) return;
      if (!copied.has(folder)) missing.push(relative(root, file));
      if (!file.endsWith(".ts")) return;
      const source = await readFile(file, "utf8");
      for (const [, type, name = "", lazy = ""] of source.matchAll(IMPORT)) {
        const target = name || lazy;
        if (type !== undefined || target.startsWith("node:")) continue;
        if (target.startsWith(".")) await visit(resolve(dirname(file), target));
        else if (!Object.hasOwn(dependencies, packageOf(target))) missing.push(`${relative(root, file)}: ${target}`);
      }
    };
    await visit(join(root, "cli/main.ts"));
    assert.ok(seen.size > 50, `${seen.size} files`);
    assert.deepEqual(missing, []);
  });
});

/** `import ... from "x"`, `export ... from "x"`, `import "x"`, `import("x")`; types are stripped before anything is loaded. */
const IMPORT = /^(?:import|export)\s+(type\s)?(?:[^"';]*\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
