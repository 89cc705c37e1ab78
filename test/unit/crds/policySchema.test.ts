import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { POLICY_SCHEMA } from "../../../crds/policySchema.ts";
import { generateSchema } from "../../../crds/schemaOf.ts";

const read = (name: string): Promise<string> => readFile(new URL(`../../../crds/${name}`, import.meta.url), "utf8");

describe("policySchema.ts", () => {
  it("is the manifest's: run npm run generate", async () => {
    const manifest = await read("imagesecuritypolicies.yaml");
    assert.equal(await read("policySchema.ts"), generateSchema(manifest, "POLICY_SCHEMA"));
  });

  it("keeps what decides over the shape of a policy", () => {
    assert.equal(POLICY_SCHEMA.type, "object");
    assert.deepEqual(POLICY_SCHEMA.properties?.["enforcementAction"], {
      type: "string",
      enum: ["deny", "warn", "dryrun"],
      default: "deny",
    });
    assert.equal(POLICY_SCHEMA.properties?.["registries"]?.minProperties, 1);
  });
});
