import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { graphPicture, withPicture } from "../../operator/graphPicture.ts";

describe("the picture of the graph", () => {
  it("in docs/graph.md is what the streams are; else: npm run generate", async () => {
    const page = await readFile(new URL("../../docs/graph.md", import.meta.url), "utf8");
    assert.ok(page.includes(`\n\`\`\`mermaid\n${graphPicture()}\`\`\`\n`));
    assert.equal(page, withPicture(page, graphPicture()), "nor does it stand anywhere else");
  });

  it("shows what goes through merge, sync, a sidechain, a transducer, and to an effect", () => {
    const lines = graphPicture().split("\n");
    for (const edge of [
      "exceptions --> policyChanges",
      "policyChanges --> policySet",
      "pods --> due",
      "due --> settled",
      "settle -. when .-> settled",
      "trust --> statusChanges",
      "statusChanges --> statuses",
      "leading --> notLeading",
      "verdicts --> keepViolations",
    ])
      assert.ok(lines.includes(`  ${edge}`), edge);
  });

  it("shows every cause round and every effect double-edged, each named on the page", async () => {
    const page = await readFile(new URL("../../docs/graph.md", import.meta.url), "utf8");
    const ends = [...graphPicture().matchAll(/^ {2}(\w+)(?:\(\[|\[\[)/gm)].map(([, id]) => id);
    assert.equal(ends.length, 19 + 11);
    for (const id of ends) assert.match(page, new RegExp(`^\\|.*\`${id}\`.*\\|`, "m"), `${id} is told of`);
  });
});
