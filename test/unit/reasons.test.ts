import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { reasonsPage } from "../../docs/reasonsPage.ts";
import { REASONS } from "../../policy/finding/reasons.ts";

const file = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), "utf8");

describe("docs/reasons.md", () => {
  it("is what the table says: run npm run generate", async () => {
    assert.equal(await file("docs/reasons.md"), reasonsPage());
  });

  it("has every reason that a Violation may have, in three sentences or more, and no other", async () => {
    const text = await file("crds/violations.yaml");
    const found: string[] = [];
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, one] of Object.entries(value)) {
        if (key === "reason" && typeof one === "object" && one !== null && "enum" in one)
          found.push(...(one.enum as string[]));
        walk(one);
      }
    };
    walk(parse(text));
    assert.deepEqual(Object.keys(REASONS).toSorted(), found.toSorted());
    const page = await file("docs/reasons.md");
    for (const reason of found)
      assert.match(
        page,
        new RegExp(
          `^## ${reason}\\n\\n\`\`\`text\\n\\[.*: ${reason}: .+\\n\`\`\`\\n\\n- \\*\\*Found\\*\\*: .+\\.\\n`,
          "m",
        ),
      );
  });
});
