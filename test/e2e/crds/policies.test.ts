import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { parsePattern } from "../../../policy/image/pattern.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { badPatterns, goodPatterns } from "./patternTable.ts";
import { badPolicies, goodSpecs, largestSpec } from "./policyTable.ts";

/** What an API server of 1.30 says in place of what later ones say. */
const WORDS_OF_1_30: Readonly<Record<string, string>> = {
  "must be of type int32": "must be of type integer",
  "may not be more than 255": "may not be longer than 255",
};

describe("what the API server takes and refuses", function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    await cluster.installCrds();
  });

  /** One kubectl for all: what it says of each, by place. */
  const dryRun = async (specs: readonly string[], prefix: string): Promise<readonly string[]> => {
    const documents = specs.map((spec, index) => policy(`${prefix}-${index}-`, spec));
    const { stdout, stderr } = await cluster.kubectl("apply", "--dry-run=server", "-f", "-", {
      input: documents.join("\n---\n"),
    });
    const said = `${stdout}\n${stderr}`.split(/^(?=The ImageSecurityPolicy|Error from server|imagesecuritypolicy)/m);
    return specs.map((_, index) => said.filter((text) => text.includes(`${prefix}-${index}-`)).join("\n"));
  };

  it("takes the complete example of the reference", async () => {
    const example = await readFile(new URL("completeExample.yaml", import.meta.url), "utf8");
    const { code, stderr } = await cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", {
      input: example,
    });
    assert.equal(code, 0, stderr);
  });

  it("takes good policies", async () => {
    const said = await dryRun(
      goodSpecs.map(([, spec]) => spec),
      "good",
    );
    for (const [index, [why]] of goodSpecs.entries())
      assert.match(said[index] ?? "", /created \(server dry run\)/, why);
  });

  it("takes lists as long as they may be: the cost of checking them is within the budget of one request", async () => {
    const input = policy("largest", largestSpec);
    const { code, stderr } = await cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", { input });
    assert.equal(code, 0, stderr);
  });

  it("refuses bad ones and says where and why", async () => {
    const said = await dryRun(
      badPolicies.map(({ spec }) => spec),
      "bad",
    );
    const silent = badPolicies.flatMap(({ why, path, says }, index) => {
      const text = said[index] ?? "";
      const at = text.indexOf(`${path}: `);
      return at >= 0 && [says, WORDS_OF_1_30[says] ?? says].some((words) => text.includes(words, at))
        ? []
        : [`${why}: expected ${path}: ... ${says} in\n${text}`];
    });
    assert.deepEqual(silent, []);
  });

  it("takes image patterns that the operator can read", async () => {
    const said = await dryRun(
      goodPatterns.map(([pattern]) => allowing(pattern)),
      "pattern",
    );
    for (const [index, [pattern, why]] of goodPatterns.entries()) {
      assert.match(said[index] ?? "", /created \(server dry run\)/, `${pattern}: ${why}`);
      assert.equal(parsePattern(pattern).status, "ok", `${pattern}: ${why}`);
    }
  });

  it("refuses other image patterns and says what to write", async () => {
    const said = await dryRun(
      badPatterns.map(([pattern]) => allowing(pattern)),
      "pattern",
    );
    for (const [index, [pattern, says]] of badPatterns.entries()) {
      const text = said[index] ?? "";
      assert.ok(
        text.includes("spec.registries.allow[0]: ") && text.includes(says),
        `${pattern}: expected ${says} in\n${text}`,
      );
    }
  });

  const patternLists: readonly (readonly [path: string, spec: string])[] = [
    ["spec.match.images[0]", '{digest: {}, match: {images: ["nginx"]}}'],
    ["spec.match.excludeImages[0]", '{digest: {}, match: {excludeImages: ["nginx"]}}'],
    ["spec.registries.deny[0]", '{registries: {deny: ["nginx"]}}'],
    ["spec.registries.namespaces[0].allow[0]", '{registries: {namespaces: [{names: [a], allow: ["nginx"]}]}}'],
    ["spec.baseImages.allow[0]", '{baseImages: {allow: ["nginx"]}}'],
  ];
  it("refuses an ambiguous pattern wherever patterns stand", async () => {
    const said = await dryRun(
      patternLists.map(([, spec]) => spec),
      "list",
    );
    // 1.30 says the type in place of the value.
    const ambiguous = /^: Invalid value: "(?:nginx|string)": "nginx" is ambiguous: write "docker\.io\/library\/nginx"/;
    for (const [index, [path]] of patternLists.entries())
      assert.match(said[index]?.split(path)[1] ?? "", ambiguous, said[index]);
  });

  const names: readonly (readonly [name: string, taken: boolean])[] = [
    ["production", true],
    ["a".repeat(63), true],
    ["a".repeat(64), false],
    ["team.production", false],
  ];
  for (const [name, taken] of names)
    it(`${taken ? "takes" : "refuses"} the name ${name}`, async () => {
      const { code, stderr } = await cluster.kubectl("apply", "--dry-run=server", "-f", "-", {
        input: policy(name, "{digest: {}}"),
      });
      if (taken) assert.equal(code, 0, stderr);
      else assert.match(stderr, /metadata\.name: .*the name of a policy is a DNS label: at most 63 characters/);
    });

  for (const apply of [["apply"], ["apply", "--server-side"], ["create"]])
    it(`refuses a misspelt field with kubectl ${apply.join(" ")}`, async () => {
      const input = policy("misspelt", "{digest: {}, registry: {allow: []}}");
      const { code, stderr } = await cluster.kubectl(...apply, "-f", "-", { input });
      assert.equal(code, 1);
      assert.match(stderr, /registry/);
      assert.match(stderr, /unknown field|field not declared in schema/);
    });

  it("refuses null with a server-side apply, which would be pruned otherwise", async () => {
    const input = policy("pruned", "{digest: {}, match: {namespaces: null}}");
    const { code, stderr } = await cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", { input });
    assert.equal(code, 1);
    assert.match(stderr, /match\.namespaces/);
  });

  it("defaults what the reference says, nothing within a list, and makes no rule appear", async () => {
    const input = policy(
      "defaults",
      "{digest: {}, match: {images: [a.io]}, scan: {}, audit: {}, authorities: [{name: notary, notation: {certificates: {pem: '-----BEGIN CERTIFICATE-----'}, identities: ['*']}}]}",
    );
    const { stdout, stderr } = await cluster.kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", "-", { input });
    const { spec } = parse(stdout) as { spec: unknown };
    assert.deepEqual(
      spec,
      {
        enforcementAction: "deny",
        onUnavailable: "deny",
        match: { images: ["a.io"], workloads: "All" },
        digest: { required: true, allowTag: true, verify: false, pin: "Never", tagDrift: "Ignore" },
        scan: {
          sources: [{ imageAnnotation: { key: "trivy.scan.result" } }],
          onlyFixable: false,
          runningImages: "Deny",
        },
        audit: { enabled: true },
        authorities: [
          {
            name: "notary",
            notation: {
              certificates: { pem: "-----BEGIN CERTIFICATE-----" },
              identities: ["*"],
            },
          },
        ],
      },
      stderr,
    );
  });

  it("gives back what was written", async () => {
    const example = await readFile(new URL("completeExample.yaml", import.meta.url), "utf8");
    const { stdout } = await cluster.kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", "-", { input: example });
    assert.deepEqual((parse(stdout) as { spec: unknown }).spec, (parse(example) as { spec: unknown }).spec);
  });
});

const policy = (name: string, spec: string): string =>
  [
    "apiVersion: imagesecurity.dev/v1",
    "kind: ImageSecurityPolicy",
    `metadata: {name: "${name.replace(/-$/, "-x")}"}`,
    `spec: ${spec}`,
  ].join("\n");

const allowing = (pattern: string): string => `{registries: {allow: [${JSON.stringify(pattern)}]}}`;
