import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { generateTypes } from "../../../crds/typesOf.ts";
import { FULCIO_CLAIMS } from "../../../policy/compile/authorities/fulcioClaims.ts";
import { RULES } from "../../../policy/rules/table.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

const read = (name: string): Promise<string> => readFile(new URL(`../../../crds/${name}`, import.meta.url), "utf8");

/** A CRD's schema at this path; fails where there is none. */
const schemaAt = async (manifest: string, path: string): Promise<unknown> => {
  let schema: unknown = parse(await read(manifest));
  for (const step of ["spec", "versions", "0", "schema", "openAPIV3Schema", ...path.split("/")]) {
    assert.ok(
      typeof schema === "object" && schema !== null && step in schema,
      `${manifest}: nothing at ${step} of ${path}`,
    );
    schema = Reflect.get(schema, step);
  }
  return schema;
};

describe("the types of the custom resources", () => {
  it("are those of the manifests: run npm run generate", async () => {
    const manifests = ["imagesecuritypolicies.yaml", "imagesecurityexceptions.yaml", "violations.yaml"];
    assert.equal(await read("types.ts"), await generateTypes(await Promise.all(manifests.map(read))));
  });

  it("follow the manifests", async () => {
    const crd = (properties: object): string =>
      JSON.stringify({
        spec: {
          group: "a.io",
          names: { kind: "Thing" },
          versions: [{ name: "v1", storage: true, schema: { openAPIV3Schema: { type: "object", properties } } }],
        },
      });
    const types = await generateTypes([
      crd({
        size: { type: "integer", description: "How large." },
        colours: { type: "array", items: { type: "string", enum: ["red", "blue"] } },
        parts: {
          type: "array",
          items: { type: "object", title: "Part", required: ["name"], properties: { name: { type: "string" } } },
        },
      }),
    ]);
    for (const line of [
      'readonly apiVersion: "a.io/v1";',
      "/** How large. */\n  readonly size?: number;",
      'readonly colours?: readonly ("red" | "blue")[];',
      "readonly parts?: readonly Part[];",
      "export interface Part {\n  readonly name: string;\n}",
    ])
      assert.ok(types.includes(line), `${line} is missing in\n${types}`);
  });

  it("refuse one title for two shapes", async () => {
    const part = (type: string): object => ({ type: "object", title: "Part", properties: { name: { type } } });
    const schema = { type: "object", properties: { a: part("string"), b: part("integer") } };
    const crd = {
      spec: {
        group: "a.io",
        names: { kind: "Thing" },
        versions: [{ name: "v1", storage: true, schema: { openAPIV3Schema: schema } }],
      },
    };
    await assert.rejects(generateTypes([JSON.stringify(crd)]), /two different schemas have the title Part/);
  });
});

describe("the words of the manifests are those of the code", () => {
  const words: readonly (readonly [manifest: string, path: string, expected: readonly string[]])[] = [
    ["violations.yaml", "properties/findings/items/properties/rule/enum", RULES],
    ["imagesecurityexceptions.yaml", "properties/spec/properties/rules/items/enum", [...RULES, "revocation", "All"]],
  ];
  for (const [manifest, path, expected] of words)
    it(`${manifest} ${path}`, async () => assert.deepEqual(await schemaAt(manifest, path), [...expected]));

  it("have no reason that nothing says", async () => {
    const listed = (await schemaAt(
      "violations.yaml",
      "properties/findings/items/properties/reason/enum",
    )) as readonly string[];
    const said = new Set<string>();
    for await (const file of glob("{policy/judge,policy/rules/*,evidence/**/*}.ts", { cwd: ROOT })) {
      const text = await readFile(join(ROOT, file), "utf8");
      for (const [, word = ""] of text.matchAll(/"([A-Z]\w+)"/g)) said.add(word);
    }
    assert.deepEqual(
      listed.filter((reason) => !said.has(reason)),
      [],
    );
  });

  it("knows the claims of Fulcio's certificates", async () => {
    const identity =
      "properties/spec/properties/authorities/items/properties/keyless/properties/identities/items/properties";
    const [rule] = (await schemaAt(
      "imagesecuritypolicies.yaml",
      `${identity}/claims/x-kubernetes-validations`,
    )) as readonly { rule: string }[];
    const listed = [...(rule?.rule ?? "").matchAll(/'(\w+)'/g)].map(([, name]) => name ?? "");
    assert.deepEqual(listed.toSorted(), [...FULCIO_CLAIMS.keys()].toSorted());
  });
});
