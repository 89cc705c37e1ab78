import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { EVENT_REASONS } from "../../../operator/status/eventReasons.ts";

describe("the reasons of Events", () => {
  it("are those that docs/reporting.md has, and no others", async () => {
    const page = await readFile(new URL("../../../docs/reporting.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `([A-Z]\w+)` \| (.*) \| (.*) \| (.*) \|$/gm)].map(([, ...cells]) => cells);
    assert.deepEqual(
      rows,
      Object.entries(EVENT_REASONS).map(([reason, { on, type, when }]) => [reason, on, type, when]),
    );
  });
});
