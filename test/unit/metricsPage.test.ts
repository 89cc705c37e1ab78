import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { metricsPage } from "../../docs/metricsPage.ts";

describe("docs/metrics.md", () => {
  it("has every metric with its type, its labels and what it says of itself: npm run generate", async () => {
    const page = metricsPage();
    assert.equal(await readFile(new URL("../../docs/metrics.md", import.meta.url), "utf8"), page);
    assert.match(page, /^\| `image_security_violations` \| gauge \| `policy`, `namespace`, `rule`, `action` \| Pods/m);
    assert.match(page, /^\| `image_security_webhook_callers_total` \| counter \| `caller`, `result` \| /m);
    assert.match(page, /^\| `image_security_certificate_expiry_timestamp_seconds` \| gauge \| {2}\| /m);
  });
});
