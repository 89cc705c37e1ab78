import assert from "node:assert/strict";
import type { CheckedObject } from "../../../cli/check/result.ts";
import { PLAIN, textReport } from "../../../cli/check/textReport.ts";
import type { Finding } from "../../../policy/finding/finding.ts";

const finding = (container: string, image: string, action: Finding["action"] = "deny"): Finding => ({
  policy: "p",
  rule: "digest",
  reason: "DigestRequired",
  container,
  image,
  action,
  message: `[p] container "${container}", image "${image}": DigestRequired: uses a tag`,
});
const object = (findings: CheckedObject["findings"]): CheckedObject => ({
  path: "web.yaml",
  line: 1,
  kind: "Pod",
  namespace: "default",
  name: "web",
  verdict: "deny",
  findings,
  pinned: [],
});

describe("what check says to people", () => {
  it("stands in the order of the file, and of one line what refuses first", () => {
    const report = textReport(
      {
        objects: [
          object([
            { finding: finding("a", "last"), line: 9 },
            { finding: finding("b", "first", "warn"), line: 7 },
            { finding: finding("b", "first"), line: 7 },
          ]),
        ],
        passedOver: 0,
        notes: [],
      },
      PLAIN,
    );
    assert.deepEqual(
      report.split("\n").map((line) => line.replace(/: \[p\].*/, "")),
      [
        "web.yaml:1: Pod/web in namespace default: denied",
        "  web.yaml:7: denied",
        "  web.yaml:7: warning",
        "  web.yaml:9: denied",
        "1 object judged: 1 denied, 0 admitted",
        "",
      ],
    );
  });
});
