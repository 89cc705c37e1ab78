import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { blocksOf, commandsOf, fileOf } from "../e2e/docs/blocks.ts";
import { begins, isScript, PLAN, read, ROOT } from "../e2e/docs/plan.ts";
import { isSameOutput } from "../e2e/docs/sameOutput.ts";

describe("the commands of README and docs", () => {
  it("are all known to test/e2e/docs/plan.ts, and nothing else is", async () => {
    const files = ["README.md", "config/README.md", ...(await Array.fromAsync(glob("docs/*.md", { cwd: ROOT })))];
    const unknown: string[] = [];
    const seen = new Set<string>();
    for (const file of files)
      for (const block of (await read(file)).filter(isScript)) {
        const entry = PLAN.find(([of, first]) => of === file && begins(block, first));
        if (entry === undefined) unknown.push(`${file}:${block.line}: ${block.lines[0]}`);
        else seen.add(`${entry[0]}: ${entry[1]}`);
      }
    assert.deepEqual(unknown, [], "say in PLAN where they are run");
    assert.deepEqual(
      PLAN.map(([file, first]) => `${file}: ${first}`).filter((entry) => !seen.has(entry)),
      [],
    );
    for (const [, , how] of PLAN)
      if (typeof how === "object" && "by" in how) assert.ok(existsSync(join(ROOT, how.by)), how.by);
  });
});

describe("reading commands out of Markdown", () => {
  const text = [
    "# Title",
    "```console",
    "$ kubectl get pods \\",
    "    -n web",
    "NAME   AGE",
    "a      3s",
    "$ true",
    "```",
    "```yaml",
    "# deploy/kustomization.yaml",
    "resources: []",
    "```",
    "```sh",
    "# a comment",
    "one --flag \\",
    "  --more",
    "two",
    "```",
  ].join("\n");

  it("finds blocks, commands, what they print and files", () => {
    const [first, second, third] = blocksOf(text);
    assert.deepEqual(commandsOf(first!), [
      { command: "kubectl get pods -n web", output: "NAME   AGE\na      3s", line: 3 },
      { command: "true", output: "", line: 7 },
    ]);
    assert.equal(fileOf(second!), "deploy/kustomization.yaml");
    assert.deepEqual(
      commandsOf(third!).map(({ command, output }) => [command, output]),
      [
        ["one --flag --more", undefined],
        ["two", undefined],
      ],
    );
  });

  const pairs: readonly (readonly [said: string, printed: string, same: boolean])[] = [
    ["a   3s", "a 12m5s", true],
    ["web.p-87dea4d2   x", "web.p-00000000 x", true],
    ["pod/a created", "pod/b created", false],
    ["pod/a created", "Warning: x\npod/a created", false],
    ["one ... end", "one and two\nand the end", true],
    ["x@sha256:DIGEST", `x@sha256:${"a".repeat(64)}`, true],
    ["x@sha256:DIGEST", "x@sha256:short", false],
    ["allowed: a.b", "allowed: aXb", false],
    ["", "", true],
    ["", "anything", false],
  ];
  for (const [said, printed, same] of pairs)
    it(`${JSON.stringify(said)} ${same ? "is" : "is not"} ${JSON.stringify(printed).slice(0, 40)}`, () =>
      assert.equal(isSameOutput(said, printed), same));
});
