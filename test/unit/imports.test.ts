import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/** What each part may import of the others: one way, so that a part can be read without those above it (design.md section 2). */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  async: [],
  json: [],
  kube: ["async", "json"],
  crds: [],
  policy: ["crds", "json"],
  // Registries are told who asks.
  evidence: ["crds", "policy", "async", "json", "package.json"],
  engine: ["crds", "policy", "evidence", "async"],
  webhook: ["crds", "policy", "evidence", "engine", "async", "json", "kube"],
  // The loop wires the webhook to its caches; the webhook knows nothing of the loop.
  operator: ["crds", "policy", "evidence", "engine", "webhook", "async", "json", "kube"],
  sandbox: ["crds", "policy", "evidence", "engine", "webhook", "operator", "async", "json", "kube"],
  charts: ["operator"],
  cli: [
    "crds",
    "policy",
    "evidence",
    "engine",
    "webhook",
    "operator",
    "sandbox",
    "async",
    "json",
    "kube",
    "package.json",
  ],
  bench: [
    "crds",
    "policy",
    "evidence",
    "engine",
    "webhook",
    "operator",
    "sandbox",
    "cli",
    "test",
    "async",
    "json",
    "kube",
  ],
};

/** What the pure parts may import from outside: nothing that reads a clock, a file or the network. */
const PURE: ReadonlySet<string> = new Set([
  "node:crypto",
  "@marcbachmann/cel-js",
  "@marcbachmann/cel-js/evaluator",
  "@sigstore/protobuf-specs",
  "@sigstore/verify",
  "lru-cache",
  "packageurl-js",
  "re2js",
  "tr46",
]);

/** What a pure file must not say either; `Date.parse` and `new Date(text)` take their time from an argument. */
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bMath\.random\b|\bprocess\.(?!hrtime)|\bfetch\(|\bset(?:Timeout|Interval)\b|\bconsole\./;

interface Source {
  readonly file: string;
  readonly part: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources = async (): Promise<readonly Source[]> => {
  const files = await Array.fromAsync(glob(`{${Object.keys(BELOW).join(",")}}/**/*.ts`, { cwd: ROOT }));
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(ROOT, file), "utf8");
      const imports = [...text.matchAll(/(?:^|[;}\s])(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
        ([, name]) => name ?? "",
      );
      return { file, part: file.split("/", 1)[0] ?? "", text, imports };
    }),
  );
};

describe("imports", () => {
  it("go one way", async () => {
    const wrong = (await sources()).flatMap(({ file, part, imports }) =>
      imports
        .filter((name) => name.startsWith("."))
        .map((name) => normalize(join(dirname(file), name)))
        .filter((target) => {
          const other = target.split("/", 1)[0] ?? "";
          return other !== part && BELOW[part]?.includes(other) !== true;
        })
        .map((target) => `${file} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("lead to files that are there", async () => {
    const all = await sources();
    assert.ok(all.length > 50, "the sources were found");
    const wrong = all.flatMap(({ file, imports }) =>
      imports
        .filter((name) => name.startsWith(".") && !existsSync(join(ROOT, dirname(file), name)))
        .map((name) => `${file} imports ${name}`),
    );
    assert.deepEqual(wrong, []);
  });

  it("of policy/ are pure, and so is what it says", async () => {
    const wrong = (await sources())
      .filter(({ part }) => part === "policy")
      .flatMap(({ file, text, imports }) => [
        ...imports.filter((name) => !name.startsWith(".") && !PURE.has(name)).map((name) => `${file} imports ${name}`),
        ...(IMPURE.test(text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ""))
          ? [`${file} says ${IMPURE.exec(text)?.[0]}`]
          : []),
      ]);
    assert.deepEqual(wrong, []);
  });

  it("of the libraries need no word of image security", async () => {
    const words =
      /\b(?:images?|regist(?:ry|ries)|polic(?:y|ies)|violations?|signatures?|cosign|sigstore|admission|vulnerabilit)/i;
    const wrong = (await sources())
      .filter(({ part, text }) => ["async", "json", "kube"].includes(part) && words.test(text))
      .map(({ file, text }) => `${file} says ${words.exec(text)?.[0]}`);
    assert.deepEqual(wrong, []);
  });

  it("never come from tests", async () => {
    const wrong = (await sources()).filter(
      ({ part, imports }) => part !== "bench" && imports.some((name) => name.includes("/test/")),
    );
    assert.deepEqual(
      wrong.map(({ file }) => file),
      [],
    );
  });
});
