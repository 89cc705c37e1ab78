import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");

interface Line {
  readonly file: string;
  readonly number: number;
  readonly text: string;
  readonly before: string;
}

const linesOf = async (file: string): Promise<readonly Line[]> => {
  const lines = (await readFile(join(ROOT, file), "utf8")).split("\n");
  return lines.map((text, index) => ({ file, number: index + 1, text, before: lines[index - 1] ?? "" }));
};

const place = ({ file, number, text }: Line): string => `${file}:${number} ${text}`;

describe("policy/ is written by one hand", () => {
  let files: readonly (readonly Line[])[];
  before(async () => {
    const names = await Array.fromAsync(glob("policy/**/*.ts", { cwd: ROOT }));
    files = await Promise.all(names.filter((name) => !name.endsWith(".d.ts")).map(linesOf));
    assert.ok(files.length > 60, "the sources were found");
  });

  it("functions are declarations", () => {
    const arrows = files.flatMap((lines) =>
      lines.filter(({ text }) => /^(?:export )?const \w+ = (?:async )?(?:<.*>)?\((?:[^)]*\)(?:: .*)? =>|$)/.test(text)),
    );
    assert.deepEqual(arrows.map(place), []);
  });
  it("what is exported comes first, its helpers below", () => {
    const early = files.flatMap((lines) => {
      const last = lines.findLastIndex(({ text }) => /^export (?:async )?function /.test(text));
      return lines.slice(0, Math.max(last, 0)).filter(({ text }) => /^(?:async )?function /.test(text));
    });
    assert.deepEqual(early.map(place), []);
  });
  it("every function and class that is exported says what it is for", () => {
    const silent = files.flatMap((lines) =>
      lines.filter(({ text, before }) => /^export (?:async )?(?:function|class) /.test(text) && !before.endsWith("*/")),
    );
    assert.deepEqual(silent.map(place), []);
  });
  it("lines have at most 120 characters, also in comments", () => {
    const long = files.flatMap((lines) =>
      // What stands in a text is not broken.
      lines.filter(({ text }) => text.length > 120 && /^\s*(?:\*|\/\*\*|\/\/)/.test(text)),
    );
    assert.deepEqual(long.map(place), []);
  });
});
