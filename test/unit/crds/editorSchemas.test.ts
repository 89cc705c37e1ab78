import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Ajv, type ValidateFunction } from "ajv";
import { parse } from "yaml";
import { generateEditorSchema } from "../../../crds/schemaOf.ts";
import { goodSpecs } from "../../e2e/crds/policyTable.ts";

const crds = new URL("../../../crds/", import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, crds), "utf8");

describe("the schemas for editors", () => {
  let validate: ValidateFunction;
  const policy = (spec: unknown, more: object = {}): object => ({
    apiVersion: "imagesecurity.dev/v1",
    kind: "ImageSecurityPolicy",
    metadata: { name: "p" },
    spec,
    ...more,
  });

  before(async () => {
    const schema = JSON.parse(await read("schemas/imagesecuritypolicy.json")) as object;
    // Formats of Kubernetes (int32, int64) say nothing that JSON Schema would check.
    validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  });

  it("are the manifests': run npm run generate", async () => {
    for (const name of ["imagesecuritypolicies.yaml", "imagesecurityexceptions.yaml"]) {
      const { kind, text } = generateEditorSchema(await read(name));
      assert.ok((await read(`schemas/${kind.toLowerCase()}.json`)) === text, `${kind} is stale`);
    }
  });

  it("take good policies", () => {
    for (const [why, spec] of goodSpecs)
      assert.ok(validate(policy(parse(spec))), `${why}: ${JSON.stringify(validate.errors)}`);
  });

  it("show a misspelt field, another type, another version, and a policy without a name", () => {
    assert.equal(validate(policy({ digest: { requird: true } })), false);
    assert.equal(validate(policy({ digest: { required: "yes" } })), false);
    assert.equal(validate(policy({ digest: {} }, { apiVersion: "imagesecurity.dev/v2" })), false);
    assert.equal(validate(policy({ digest: {} }, { metadata: {} })), false);
  });
});
