import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string): Promise<string> => readFile(join(ROOT, file), "utf8");

/** The folders and files that the operator's image holds. */
const shipped = async (): Promise<readonly string[]> =>
  [...(await read("Dockerfile")).matchAll(/^COPY ((?:\w[\w./]* )+)\.\/\w*\/?$/gm)].flatMap(([, sources = ""]) =>
    sources
      .trim()
      .split(" ")
      .map((source) => (source.includes(".") ? source : `${source}/**/*.ts`)),
  );

/** Scripts beside the CRDs that make files from them; nothing of the operator imports them. */
const SCRIPTS: ReadonlySet<string> = new Set(["crds/generate.ts", "crds/schemaOf.ts", "crds/typesOf.ts"]);

/** Packages that some shipped file imports, lazily or not, types alone left out. */
const imported = async (): Promise<ReadonlySet<string>> => {
  const names = new Set<string>();
  for await (const file of glob(
    (await shipped()).filter((place) => place.endsWith(".ts")),
    { cwd: ROOT },
  )) {
    if (SCRIPTS.has(file)) continue;
    const text = (await read(file)).replaceAll(/^import type [^;]*;/gm, "");
    for (const [, name = ""] of text.matchAll(/(?:\bfrom|\bimport\s*\(?|\burl\)\()\s*"([@a-z][\w./@-]*)"/g)) {
      const parts = name.split("/", name.startsWith("@") ? 2 : 1);
      if (!name.startsWith("node:") && !builtinModules.includes(name)) names.add(parts.join("/"));
    }
  }
  return names;
};

/** What no file imports by name: Node itself, for machines that have another. */
const WITHOUT_IMPORT: ReadonlySet<string> = new Set(["node"]);

describe("the operator's dependencies", () => {
  it("are those that its image imports, no more and no fewer", async () => {
    const { dependencies } = JSON.parse(await read("package.json")) as { dependencies: Record<string, string> };
    const wanted = await imported();
    assert.ok(wanted.size > 15, "the imports were found");
    const names = Object.keys(dependencies).filter((name) => !WITHOUT_IMPORT.has(name));
    assert.deepEqual(
      names.filter((name) => !wanted.has(name)),
      [],
      "in package.json and imported nowhere",
    );
    assert.deepEqual([...wanted].filter((name) => !names.includes(name)).toSorted(), [], "imported and not installed");
  });

  it("are explained, each", async () => {
    const { dependencies } = JSON.parse(await read("package.json")) as { dependencies: Record<string, string> };
    const explained = await read("docs/adr/0002-dependencies.md");
    assert.deepEqual(
      Object.keys(dependencies).filter((name) => !explained.includes(`\`${name}\``)),
      [],
    );
  });
});
