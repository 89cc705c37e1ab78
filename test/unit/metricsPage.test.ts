import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { createMetrics } from "../../operator/metrics/metrics.ts";

const root = new URL("../..", import.meta.url);

describe("docs/metrics.md", () => {
  let rows: ReadonlyMap<string, readonly string[]>;
  before(async () => {
    const page = await readFile(new URL("docs/metrics.md", root), "utf8");
    const cells = [...page.matchAll(/^\| `(image_security_\w+)` \|(.*)\|$/gm)];
    rows = new Map(cells.map(([, name = "", rest = ""]) => [name, rest.split("|").map((cell) => cell.trim())]));
  });

  it("has every metric with its type and what it says of itself, and no other", async () => {
    const metrics = createMetrics();
    // Those that come with their first value.
    metrics.buildInfo("1");
    metrics.certificateExpiry(1);
    metrics.observeCallers({ counts: () => [], expiries: () => [] });
    const text = await metrics.text();
    const types = new Map(
      [...text.matchAll(/^# TYPE (image_security_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]),
    );
    const said = [...text.matchAll(/^# HELP (image_security_\w+) (.*)$/gm)].map(([, name = "", help = ""]) => [
      name,
      types.get(name),
      help,
    ]);
    assert.deepEqual(
      [...rows].map(([name, [type, , help]]) => [name, type, help]),
      said.toSorted(([one = ""], [other = ""]) => (one < other ? -1 : 1)),
    );
  });

  it("has their labels", async () => {
    const found = new Map<string, string>();
    for await (const file of glob("operator/metrics/*.ts", { cwd: root })) {
      const source = await readFile(new URL(file, root), "utf8");
      for (const [, name = "", rest = ""] of source.matchAll(/name: "(image_security_\w+)",([\s\S]*?)\}\)/g))
        found.set(name, (/labelNames: \[(.*?)\]/.exec(rest)?.[1] ?? "").replaceAll('"', "`"));
    }
    assert.ok(found.size > 15, "the sources were found");
    for (const [name, labels] of found) assert.equal(rows.get(name)?.[1], labels, name);
  });
});
