import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/** Folders of the product that hold TypeScript, with how many files. */
const folders = async (): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>();
  const rooms = "{async,json,kube,crds,policy,evidence,engine,webhook,operator,cli,sandbox,bench}/**/*.ts";
  for await (const file of glob(rooms, { cwd: ROOT })) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  return counts;
};

describe("the layout", () => {
  it("is what docs/architecture.md and the folders' READMEs say: every file that they name is there", async () => {
    const missing: string[] = [];
    const readmes = await Array.fromAsync(
      glob("{async,json,kube,crds,policy,evidence,engine,webhook,operator,cli,bench}/**/README.md", { cwd: ROOT }),
    );
    const files = await Array.fromAsync(glob("*/**/*.ts", { cwd: ROOT, exclude: ["node_modules"] }));
    // A README may name what lies anywhere below it by its own name.
    const isBelow = (base: string, name: string): boolean =>
      files.some((file) => file === `${base}/${name}` || (file.startsWith(`${base}/`) && file.endsWith(`/${name}`)));
    for (const page of ["docs/architecture.md", ...readmes]) {
      const text = await readFile(join(ROOT, page), "utf8");
      for (const [, name = ""] of text.matchAll(/`([\w./-]+\.ts)`/g))
        if (!name.includes("NAME") && !existsSync(join(ROOT, name)) && !isBelow(dirname(page), name))
          missing.push(`${page}: ${name}`);
    }
    assert.deepEqual(missing, []);
  });

  it("has no folder of more than twenty files, and a README of at most fifteen lines where there are more than eight", async () => {
    const wrong: string[] = [];
    for (const [folder, files] of await folders()) {
      if (files > 20) wrong.push(`${folder} has ${files} files`);
      if (files <= 8) continue;
      const readme = await readFile(join(ROOT, folder, "README.md"), "utf8").catch(() => undefined);
      if (readme === undefined) wrong.push(`${folder} has ${files} files and no README.md`);
      else if (readme.trimEnd().split("\n").length > 15) wrong.push(`${folder}/README.md is longer than fifteen lines`);
    }
    assert.deepEqual(wrong, []);
  });
});
