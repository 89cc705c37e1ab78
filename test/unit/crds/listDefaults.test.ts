import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}

/** Paths of defaults within a list, whose entries are then never what somebody applied. */
const defaultsInLists = (schema: Schema, path: string, listed: boolean): readonly string[] => [
  ...(listed && schema.default !== undefined ? [path] : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => defaultsInLists(one, `${path}.${name}`, listed)),
  ...(schema.additionalProperties ? defaultsInLists(schema.additionalProperties, `${path}{}`, listed) : []),
  ...(schema.items ? defaultsInLists(schema.items, `${path}[]`, true) : []),
];

describe("the schemas of the custom resources", () => {
  for (const name of ["imagesecuritypolicies", "imagesecurityexceptions", "violations"])
    it(`${name}: have no default within a list: kubectl would say "configured" for ever, and server-side apply would conflict`, async () => {
      const text = await readFile(new URL(`../../../crds/${name}.yaml`, import.meta.url), "utf8");
      const { spec } = parse(text) as {
        spec: { versions: readonly { schema: { openAPIV3Schema: Schema } }[] };
      };
      for (const { schema } of spec.versions)
        assert.deepEqual(defaultsInLists(schema.openAPIV3Schema, "", false), [], "the compiler's to give");
    });

  it("are looked through in depth", () => {
    const schema: Schema = { properties: { a: { default: 1 }, b: { items: { properties: { c: { default: 1 } } } } } };
    assert.deepEqual(defaultsInLists(schema, "", false), [".b[].c"]);
  });
});
