import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (name: string): Promise<string> => readFile(join(root, name), "utf8");

/** The command line loads each command when it is the one: the image holds the operator's alone. */
const OTHER_COMMANDS = /^cli\/(?!main\.ts|operator\.ts)/;

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
      [...(await read("Dockerfile")).matchAll(/^COPY ((?:\w[\w./]* )+)\.\/\w*\/?$/gm)].flatMap(([, places = ""]) =>
        places.trim().split(" "),
      ),
    );
    assert.ok(copied.has("operator"));
    const ignored = (await read(".dockerignore")).split("\n");
    const folders = new Set([...copied].map((place) => place.split("/", 1)[0] ?? ""));
    for (const place of folders) assert.ok(ignored.includes(`!${place}`), `.dockerignore leaves out ${place}`);

    const seen = new Set<string>();
    const missing: string[] = [];
    const visit = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const place = relative(root, file);
      const [folder = ""] = place.split("/", 1);
      if (!copied.has(folder) && !copied.has(place)) missing.push(place);
      if (!file.endsWith(".ts")) return;
      const source = await readFile(file, "utf8");
      for (const [, type, name = "", lazy = ""] of source.matchAll(IMPORT)) {
        const target = name || lazy;
        if (type !== undefined || target.startsWith("node:")) continue;
        if (target.startsWith(".")) {
          const next = resolve(dirname(file), target);
          if (lazy === "" || !OTHER_COMMANDS.test(relative(root, next))) await visit(next);
        } else if (!Object.hasOwn(dependencies, packageOf(target))) missing.push(`${relative(root, file)}: ${target}`);
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
