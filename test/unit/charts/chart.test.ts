import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { CHART, chartFiles } from "../../../charts/chartFiles.ts";
import { DECIDED } from "../../../charts/settingsSchema.ts";
import { OPTIONS } from "../../../operator/settings/settings.ts";

const read = (name: string): Promise<string> => readFile(join(CHART, name), "utf8");

describe("the chart's files", () => {
  it("are what config/, crds/ and the table of settings make of them: npm run generate", async () => {
    const wanted = await chartFiles();
    for (const [name, text] of wanted) assert.equal(await read(name), text, `${name} is stale: npm run generate`);
    const there = await Array.fromAsync(glob("files/**/*.yaml", { cwd: CHART }));
    assert.deepEqual(
      there.filter((name) => !wanted.has(name)),
      [],
      "nothing else",
    );
  });

  it("hold the namespace of config/ in this one spelling only, which the templates replace", async () => {
    for (const [name, text] of await chartFiles())
      if (name.startsWith("files/"))
        for (const { metadata } of parseAllDocuments(text).map((document) => document.toJS() as Named))
          assert.ok([undefined, "image-security-system"].includes(metadata.namespace), name);
  });

  it("have the version of package.json, and name every CRD", async () => {
    const { version } = JSON.parse(await readFile(join(CHART, "../../package.json"), "utf8")) as { version: string };
    const chart = parse(await read("Chart.yaml")) as {
      version: string;
      appVersion: string;
      annotations: Readonly<Record<string, string>>;
    };
    assert.equal(chart.version, version);
    assert.equal(chart.appVersion, version);
    const told = parse(chart.annotations["artifacthub.io/crds"] ?? "") as readonly { name: string }[];
    const names = (await Promise.all((await Array.fromAsync(glob("files/crds/*.yaml", { cwd: CHART }))).map(read))).map(
      (text) => (parse(text) as Named).metadata.name,
    );
    assert.deepEqual(told.map(({ name }) => name).toSorted(), names.toSorted());
    const notes = await read("templates/NOTES.txt");
    const readme = await read("README.md");
    for (const name of names)
      for (const text of [notes, readme]) assert.ok(text.includes(name), `how ${name} is removed`);
  });

  it("let every setting be given, but for those that the chart decides", async () => {
    const schema = JSON.parse(await read("values.schema.json")) as {
      properties: { settings: { properties: object } };
    };
    const given = Object.keys(schema.properties.settings.properties);
    assert.deepEqual([...given, ...Object.keys(DECIDED)].toSorted(), Object.keys(OPTIONS).toSorted());
  });

  it("have a value for everything in the schema, and nothing else", async () => {
    const schema = JSON.parse(await read("values.schema.json")) as { properties: object };
    const values = Object.keys(parse(await read("values.yaml")) as object);
    // `global` is Helm's.
    assert.deepEqual([...values, "global"].toSorted(), Object.keys(schema.properties).toSorted());
  });
});

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}
