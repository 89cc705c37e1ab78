import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";

/** The part of an OpenAPI schema that the test walks. */
interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly unknown[];
}

describe("the custom resources", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let namespace: string;
  const manifests = fileURLToPath(new URL("../../../crds", import.meta.url));

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const make = (object: object): Promise<string> => kubectl("create", "-f", "-", { input: JSON.stringify(object) });

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    await cluster.installCrds();
    namespace = await cluster.newNamespace("crds");
  });

  after(async () => {
    await cluster.kubectl("delete", "isp/columns", "ise/columns", "--ignore-not-found");
    await cluster.kubectl("delete", "violations", "--all", "-n", namespace);
  });

  it("can be applied as they are, with and without server-side apply", async () => {
    await kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", manifests);
    await kubectl("apply", "--dry-run=server", "-f", manifests);
    await kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-k", manifests);
  });

  it("describe every field", async () => {
    // A CRD is served before it is described.
    const { components } = await eventually(async () => {
      const known = JSON.parse(await kubectl("get", "--raw", "/openapi/v3/apis/imagesecurity.dev/v1")) as {
        components: { schemas: Record<string, Schema> };
      };
      assert.ok("dev.imagesecurity.v1.ImageSecurityException" in known.components.schemas);
      return known;
    });
    const silent: string[] = [];
    let count = 0;
    const walk = (schema: Schema, path: string): void => {
      count++;
      if (!(schema.description ?? "").trim()) silent.push(path);
      for (const [name, child] of Object.entries(schema.properties ?? {})) walk(child, `${path}.${name}`);
      if (schema.items !== undefined) walk(schema.items, `${path}[]`);
      if (typeof schema.additionalProperties === "object") walk(schema.additionalProperties, `${path}{}`);
    };
    for (const [name, kind] of [
      ["isp", "ImageSecurityPolicy"],
      ["ise", "ImageSecurityException"],
      ["violation", "Violation"],
    ] as const) {
      // Metadata is Kubernetes' own.
      const { metadata: _, ...properties } = components.schemas[`dev.imagesecurity.v1.${kind}`]?.properties ?? {};
      assert.ok(Object.keys(properties).length > 2, kind);
      walk({ description: kind, properties }, name);
    }
    assert.deepEqual(silent, []);
    assert.ok(count > 200, `${count} fields`);
  });

  it("teach the grammar of image patterns", async () => {
    const text = await kubectl("explain", "isp.spec.registries.allow");
    for (const part of [
      "An empty list refuses every image",
      "registry.company.com           a whole registry, this host and port\n",
      'registry.company.com/team/**   "**": any number of segments\n',
      "docker.io/library/nginx",
      'Example: ["registry.company.com", "ghcr.io/myorg/**"]',
    ])
      assert.ok(text.includes(part), `${part} is missing in\n${text}`);
  });

  const explained: readonly (readonly [path: string, says: RegExp])[] = [
    ["isp.spec.enforcementAction", /deny\n +warn\n +dryrun/],
    ["isp.spec.scan.minScore", /100 minus/],
    ["isp.spec.authorities.keyless.identities.subjectRegExp", /RE2/],
    ["isp.spec.authorities.key.secretRef.namespace", /namespace/],
    ["ise.spec.expires", /RFC 3339/],
    ["violation.findings.reason", /DigestRequired/],
    ["isp.metadata.name", /Name must be unique/],
    ["isp.status.overrides", /enforcementOverrides/],
  ];
  for (const [path, says] of explained)
    it(`explain ${path}`, async () => {
      assert.match(await kubectl("explain", path), says);
    });

  it("show a policy's action, state and violations", async () => {
    await make({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name: "columns" },
      spec: { digest: {} },
    });
    const status = {
      observedGeneration: 1,
      overrides: "dryrun,warn",
      violations: 12,
      exempted: 3,
      conditions: [
        {
          type: "Ready",
          status: "True",
          reason: "Compiled",
          message: "all is well",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
        {
          type: "Enforced",
          status: "False",
          reason: "Missing",
          message: "nobody asks",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
        {
          type: "EnforcedByAPIServer",
          status: "True",
          reason: "Kept",
          message: "all of it",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    };
    await kubectl("patch", "isp", "columns", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status }));
    const rows = columns(await kubectl("get", "isp", "columns"));
    assert.deepEqual(rows[0], ["NAME", "ACTION", "OVERRIDES", "READY", "VIOLATIONS", "AGE"]);
    assert.deepEqual(rows[1]?.slice(0, 5), ["columns", "deny", "dryrun,warn", "True", "12"]);
    const wide = columns(await kubectl("get", "isp", "columns", "-o", "wide"));
    assert.deepEqual(wide[0]?.slice(-4), ["MESSAGE", "ENFORCED", "STANDALONE", "ADMISSION"]);
    assert.deepEqual(wide[1]?.slice(-4), ["all is well", "False", "True", "nobody asks"]);
  });

  it("keep the status out of reach of those who write the specification", async () => {
    await kubectl("patch", "isp", "columns", "--type=merge", "-p", '{"status": {"violations": 0}}');
    assert.equal(await kubectl("get", "isp", "columns", "-o", "jsonpath={.status.violations}"), "12");
  });

  it("show an exception's reach and end", async () => {
    await make({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name: "columns" },
      spec: {
        policies: ["production"],
        rules: ["scan", "digest"],
        match: { namespaces: ["legacy"] },
        reason: "the vendor is slow",
        approvedBy: "security",
        ticket: "SEC-1",
        expires: "2099-01-01T00:00:00Z",
      },
    });
    const rows = columns(await kubectl("get", "ise", "-o", "wide"));
    assert.deepEqual(rows[0], [
      "NAME",
      "POLICIES",
      "RULES",
      "ACTIVE",
      "EXPIRES",
      "AGE",
      "MESSAGE",
      "REASON",
      "APPROVED BY",
      "TICKET",
    ]);
    assert.deepEqual(rows[1]?.slice(0, 3), ["columns", '["production"]', '["scan","digest"]']);
    assert.equal(rows[1]?.at(-1), "SEC-1");
  });

  const exception = {
    policies: ["production"],
    rules: ["All"],
    match: { images: ["docker.io/library/nginx"] },
    reason: "x",
    expires: "2099-01-01T00:00:00Z",
  };
  const badExceptions: readonly (readonly [why: string, spec: object, says: RegExp])[] = [
    ["no end", { ...exception, expires: undefined }, /spec\.expires: Required value/],
    ["no reason", { ...exception, reason: undefined }, /spec\.reason: Required value/],
    ["no policies", { ...exception, policies: [] }, /spec\.policies: .*at least 1 items/],
    ["no rules", { ...exception, rules: [] }, /spec\.rules: .*at least 1 items/],
    ["an unknown rule", { ...exception, rules: ["registry"] }, /spec\.rules\[0\]: Unsupported value: "registry"/],
    ["no match", { ...exception, match: undefined }, /spec\.match: Required value/],
    ["an empty match", { ...exception, match: {} }, /spec\.match: .*at least one of namespaces, images and digests/],
    [
      "labels alone, which a tenant can write",
      { ...exception, match: { objectSelector: { matchLabels: { a: "b" } } } },
      /spec\.match: .*at least one of namespaces, images and digests/,
    ],
    [
      "an ambiguous image",
      { ...exception, match: { images: ["nginx"] } },
      /spec\.match\.images\[0\]: .*write "docker\.io\/library\/nginx"/,
    ],
    ["an end without time", { ...exception, expires: "2099-01-01" }, /spec\.expires: .*date-time/],
    [
      "a policy that is no name",
      { ...exception, policies: ["Production"] },
      /spec\.policies\[0\]: .*not the name of a policy/,
    ],
  ];
  for (const [why, spec, says] of badExceptions)
    it(`refuse an exception with ${why}`, async () => {
      const input = JSON.stringify({
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityException",
        metadata: { name: "bad" },
        spec,
      });
      const { code, stderr } = await cluster.kubectl("apply", "--dry-run=server", "-f", "-", { input });
      assert.equal(code, 1);
      assert.match(stderr, says);
    });

  it("show who violates what, and why", async () => {
    await make({
      apiVersion: "imagesecurity.dev/v1",
      kind: "Violation",
      metadata: { name: "web.production-1a2b3c4d", namespace, labels: { "imagesecurity.dev/policy": "production" } },
      policy: "production",
      enforcementAction: "deny",
      subject: {
        apiVersion: "v1",
        kind: "Pod",
        name: "web",
        uid: "1",
        controller: { kind: "ReplicaSet", name: "web" },
      },
      findings: [
        {
          rule: "digest",
          reason: "DigestRequired",
          container: "web",
          image: "nginx:1.21",
          action: "deny",
          message: "uses a tag",
        },
      ],
      summary: {
        count: 1,
        rules: "digest",
        reasons: "DigestRequired",
        images: "nginx:1.21",
        owner: "ReplicaSet/web",
      },
    });
    const rows = columns(await kubectl("get", "vio", "-n", namespace));
    assert.deepEqual(rows[0], ["NAME", "POLICY", "ACTION", "POD", "OWNER", "REASONS", "AGE", "IMAGES"]);
    assert.deepEqual(rows[1]?.slice(1, 6), ["production", "deny", "web", "ReplicaSet/web", "DigestRequired"]);
    assert.equal(rows[1]?.at(-1), "nginx:1.21");
    assert.equal(columns(await kubectl("get", "violations", "-n", namespace, "-o", "wide"))[1]?.at(-1), "uses a tag");
  });

  it("are found by what they are about", async function () {
    // Before, `selectableFields` are dropped: the gate is on from 1.31 on.
    if ((await cluster.minor()) < 31) this.skip();
    const found = (resource: string, selector: string): Promise<string> =>
      kubectl("get", resource, "-n", namespace, `--field-selector=${selector}`, "-o", "name");
    for (const [selector, yes] of [
      ["policy=production", true],
      ["policy=other", false],
      ["enforcementAction=deny,subject.name=web", true],
      ["subject.name=api", false],
    ] as const)
      assert.equal(/web\.production/.test(await found("vio", selector)), yes, selector);
    await kubectl("get", "isp", "--field-selector=spec.enforcementAction=deny");
  });

  it("are found by their category", async () => {
    await eventually(async () =>
      assert.match(await kubectl("get", "imagesecurity", "-n", namespace, "-o", "name"), /violation/),
    );
  });
});

/** The cells of what `kubectl get` prints: three blanks lie between columns. */
const columns = (table: string): readonly (readonly string[])[] =>
  table
    .trimEnd()
    .split("\n")
    .map((row) => row.split(/ {3,}/).map((cell) => cell.trim()));
