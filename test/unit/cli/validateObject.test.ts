import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { OBJECT_SCHEMAS } from "../../../crds/objectSchemas.ts";
import { generateObjectSchemas } from "../../../crds/schemaOf.ts";
import { validateObject, type ObjectFault } from "../../../cli/schema/validateObject.ts";
import { badPatterns, goodPatterns } from "../../e2e/crds/patternTable.ts";
import { badPolicies, goodSpecs, largestSpec } from "../../e2e/crds/policyTable.ts";

const crds = new URL("../../../crds/", import.meta.url);
const policySchema = OBJECT_SCHEMAS["ImageSecurityPolicy"] ?? {};
const policyOf = (spec: unknown, name = "p"): object => ({
  apiVersion: "imagesecurity.dev/v1",
  kind: "ImageSecurityPolicy",
  metadata: { name },
  spec,
});
const faultsOf = (spec: unknown, name?: string): readonly ObjectFault[] =>
  validateObject(policySchema, policyOf(spec, name)).faults;
const said = (faults: readonly ObjectFault[]): string =>
  faults.map(({ path, message }) => `${path}: ${message}`).join("\n");

describe("validating a file as the API server would", () => {
  it("goes by the manifests: run npm run generate", async () => {
    const names = ["imagesecuritypolicies.yaml", "imagesecurityexceptions.yaml"];
    const manifests = await Promise.all(names.map((name) => readFile(new URL(name, crds), "utf8")));
    const written = await readFile(new URL("objectSchemas.ts", crds), "utf8");
    // Not by assert.equal, which would print both: they are 50 KiB.
    assert.ok(written === generateObjectSchemas(manifests, "OBJECT_SCHEMAS"), "objectSchemas.ts is stale");
  });

  // The same tables are held against a real API server in test/e2e/crds.
  it("takes what the API server takes", () => {
    for (const [why, spec] of goodSpecs) assert.equal(said(faultsOf(parse(spec))), "", why);
    for (const [pattern, why] of goodPatterns)
      assert.equal(said(faultsOf({ registries: { allow: [pattern] } })), "", `${pattern}: ${why}`);
  });

  it("refuses what the API server refuses, in the same place and in the same words where they are the CRD's", () => {
    for (const { why, spec, path, says } of badPolicies) {
      const faults = faultsOf(parse(spec));
      assert.ok(faults.length > 0, why);
      assert.ok(
        faults.some((fault) => fault.path === path),
        `${why}: expected ${path} (${says}) in\n${said(faults)}`,
      );
    }
    for (const [pattern] of badPatterns)
      assert.notEqual(said(faultsOf({ registries: { allow: [pattern] } })), "", pattern);
  });

  it("reads the largest policy in good time", function () {
    // Reading that grows with the square of its size would take longer.
    this.timeout(60_000);
    assert.equal(said(faultsOf(parse(largestSpec))), "");
  });

  it("takes the complete example and every sample", async () => {
    const example = await readFile(new URL("../../e2e/crds/completeExample.yaml", import.meta.url), "utf8");
    assert.equal(said(validateObject(policySchema, parse(example, { merge: true })).faults), "");
  });

  it("fills in the defaults", () => {
    const { value } = validateObject(policySchema, policyOf({ digest: {} }));
    assert.deepEqual((value as { spec: { digest: object; enforcementAction: string } }).spec.digest, {
      required: true,
      allowTag: true,
      verify: false,
      pin: "Never",
      tagDrift: "Ignore",
    });
  });

  const lost: readonly (readonly [why: string, spec: object, expected: string])[] = [
    [
      "an unknown field",
      { digest: {}, registry: {} },
      "spec.registry: is not a known field; there are enforcementAction, ",
    ],
    [
      "a field of another case",
      { digest: { allowtag: true } },
      "spec.digest.allowtag: is not a known field; write allowTag",
    ],
    ["a null that a template left", { digest: {}, match: null }, "spec.match: is null; leave it out"],
    ["a null inside a list", { registries: { allow: [null] } }, "spec.registries.allow[0]: is null; leave it out"],
  ];
  for (const [why, spec, expected] of lost)
    it(`refuses ${why}, which an API server loses without a word`, () =>
      assert.ok(said(faultsOf(spec)).startsWith(expected), said(faultsOf(spec))));

  it("refuses names that no policy has", () => {
    for (const name of ["a.b", "", "Upper", "x".repeat(64)])
      assert.notEqual(said(faultsOf({ digest: {} }, name)), "", name);
  });
});
