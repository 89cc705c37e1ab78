import assert from "node:assert/strict";
import type { V1ValidatingWebhookConfiguration } from "@kubernetes/client-node";
import {
  guardEntries,
  isOwnEntry,
  pinningEntries,
  probeEntry,
  type GenerateOptions,
} from "../../../webhook/configurations/generate.ts";
import {
  ConfigurationConflict,
  readConfigurations,
  writeConfigurations,
  type LiveConfigurations,
} from "../../../webhook/configurations/webhookConfigurations.ts";
import { webhookObjects, type WebhookObjects } from "./support/webhookObjects.ts";

const options: GenerateOptions = {
  target: { type: "service", namespace: "sec", name: "hook", port: 443 },
  namespace: "sec",
  excludeNamespaces: ["sec", "kube-system"],
  caBundle: "PEM",
};

describe("generated configurations", () => {
  it("fail closed within 10 seconds, for three shapes, outside the excluded namespaces", () => {
    assert.deepEqual(
      guardEntries(options).map(({ name }) => name),
      [
        "pods.validate.imagesecurity.dev",
        "workloads.validate.imagesecurity.dev",
        "cronjobs.validate.imagesecurity.dev",
      ],
    );
    for (const entry of [...guardEntries(options), ...pinningEntries(options)]) {
      assert.ok(isOwnEntry(entry));
      assert.equal(entry.failurePolicy, "Fail");
      assert.equal(entry.timeoutSeconds, 10);
      assert.equal(entry.sideEffects, "None");
      assert.equal(entry.matchPolicy, "Equivalent");
      assert.deepEqual(entry.namespaceSelector?.matchExpressions, [
        { key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system", "sec"] },
      ]);
      assert.equal(entry.clientConfig.caBundle, Buffer.from("PEM").toString("base64"));
      const resources = entry.rules?.flatMap((rule) => rule.resources ?? []) ?? [];
      assert.ok(resources.every((resource) => !resource.includes("*") && !/scale|status|resize/.test(resource)));
    }
  });

  it("reach every image-bearing resource once", () => {
    const resources = guardEntries(options).flatMap(
      ({ rules }) => rules?.flatMap((rule) => rule.resources ?? []) ?? [],
    );
    assert.deepEqual(resources.toSorted(), [
      "cronjobs",
      "daemonsets",
      "deployments",
      "jobs",
      "pods",
      "pods/ephemeralcontainers",
      "replicasets",
      "replicationcontrollers",
      "statefulsets",
    ]);
  });

  it("concern nobody by the probe: one type of ours, one name, the operator's own namespace", () => {
    const { name, rules, namespaceSelector, matchConditions, clientConfig } = probeEntry(options);
    assert.equal(name, "probe.validate.imagesecurity.dev");
    assert.deepEqual(rules?.[0]?.apiGroups, ["imagesecurity.dev"]);
    assert.deepEqual(rules?.[0]?.resources, ["violations"]);
    assert.deepEqual(namespaceSelector?.matchExpressions, [
      { key: "kubernetes.io/metadata.name", operator: "In", values: ["sec"] },
    ]);
    assert.equal(matchConditions?.[0]?.expression, 'object.metadata.name == "image-security-probe"');
    assert.equal(clientConfig.service?.path, "/probe");
  });

  it("point to a Service or to a URL", () => {
    assert.deepEqual(guardEntries(options)[0]?.clientConfig.service, {
      namespace: "sec",
      name: "hook",
      port: 443,
      path: "/validate",
    });
    const [byUrl] = pinningEntries({ ...options, target: { type: "url", url: "https://127.0.0.1:9443/" } });
    assert.equal(byUrl?.clientConfig.url, "https://127.0.0.1:9443/mutate");
    assert.equal(byUrl?.reinvocationPolicy, "IfNeeded");
  });
});

describe("writeConfigurations", () => {
  let api: WebhookObjects;
  beforeEach(async () => {
    api = await webhookObjects();
  });
  afterEach(() => api.stop());

  const write = async (changes: Partial<GenerateOptions>, pins: boolean | undefined): Promise<LiveConfigurations> => {
    const all = { ...options, ...changes };
    return await writeConfigurations(api.client, await readConfigurations(api.client), {
      validating: guardEntries(all),
      mutating: pins === undefined ? undefined : pins ? pinningEntries(all) : [],
    });
  };

  /** What the API server makes of our entries: it fills in what was left out. */
  const asStored = (): V1ValidatingWebhookConfiguration => ({
    metadata: { name: "image-security", labels: { team: "platform" } },
    webhooks: guardEntries(options).map((entry) => Object.assign(entry, { objectSelector: {} })),
  });

  it("creates the validating one; the mutating one only where a policy pins", async () => {
    await write({}, false);
    assert.deepEqual(api.validating.value?.webhooks, JSON.parse(JSON.stringify(guardEntries(options))));
    assert.equal(api.mutating.writes, 0);
    await write({}, true);
    assert.equal(api.mutating.value?.webhooks?.length, 3);
  });

  it("writes nothing where nothing differs, or only by what the API server fills in", async () => {
    api.validating.put(asStored());
    await write({}, true);
    await write({}, true);
    await write({}, undefined);
    assert.deepEqual([api.validating.writes, api.mutating.writes], [0, 1]);
  });

  it("leaves an expression that a platform added and that leaves out nothing more", async () => {
    api.validating.put(asStored());
    const expressions = api.validating.value!.webhooks![0]!.namespaceSelector!.matchExpressions!;
    expressions.push({ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system"] });
    await write({}, false);
    assert.equal(api.validating.writes, 0);
    expressions.push({ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["tenant"] });
    await write({}, false);
    assert.equal(api.validating.writes, 1);
  });

  it("fills what was installed empty, and keeps its labels", async () => {
    api.validating.put({ metadata: { name: "image-security", labels: { team: "platform" } } });
    await write({}, false);
    assert.equal(api.validating.value?.webhooks?.length, 3);
    assert.deepEqual(api.validating.value?.metadata?.labels, { team: "platform" });
  });

  const harms: readonly (readonly [what: string, harm: (entry: Harmed) => void])[] = [
    ["failurePolicy", (entry) => (entry.failurePolicy = "Ignore")],
    ["the authority", (entry) => (entry.clientConfig.caBundle = "")],
    ["a timeout", (entry) => (entry.timeoutSeconds = 1)],
    ["rules", (entry) => (entry.rules = [])],
    ["an operation", (entry) => entry.rules?.[0]?.operations?.pop()],
    ["objects by their labels", (entry) => (entry.objectSelector = { matchLabels: { a: "b" } })],
    ["namespaces", (entry) => (entry.namespaceSelector = { matchLabels: { a: "b" } })],
    ["one more namespace", (entry) => entry.namespaceSelector?.matchExpressions?.[0]?.values?.push("tenant")],
    [
      "an expression beside ours",
      (entry) => entry.namespaceSelector?.matchExpressions?.push({ key: "a", operator: "Exists" }),
    ],
    ["a condition beside ours", (entry) => entry.matchConditions?.push({ name: "z", expression: "false" })],
    ["no condition", (entry) => (entry.matchConditions = [])],
    ["the Service", (entry) => (entry.clientConfig.service = { namespace: "evil", name: "hook" })],
    ["the path", (entry) => (entry.clientConfig.service!.path = "/probe")],
    ["matchPolicy", (entry) => (entry.matchPolicy = "Exact")],
  ];
  for (const [what, harm] of harms)
    it(`puts right what someone changed: ${what}`, async () => {
      api.validating.put(asStored());
      harm(api.validating.value!.webhooks![0]!);
      await write({}, false);
      assert.deepEqual(api.validating.value?.webhooks, JSON.parse(JSON.stringify(guardEntries(options))));
    });

  it("leaves the entries of others as they are, and takes away those of another version of its own", async () => {
    const foreign = Object.assign(guardEntries(options)[0]!, { name: "other.example.com" });
    const older = Object.assign(guardEntries(options)[0]!, { name: "jobs.validate.imagesecurity.dev" });
    api.validating.put({ metadata: { name: "image-security" }, webhooks: [foreign, older] });
    await write({}, false);
    assert.deepEqual(
      api.validating.value?.webhooks?.map(({ name }) => name),
      [...guardEntries(options).map(({ name }) => name), "other.example.com"],
    );
  });

  it("removes the mutating entries, and only its own, when no policy pins any more", async () => {
    await write({}, true);
    const foreign = {
      name: "other.example.com",
      clientConfig: {},
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
    };
    api.mutating.value?.webhooks?.push(foreign);
    await write({}, undefined);
    assert.equal(api.mutating.value?.webhooks?.length, 4, "not known yet: left alone");
    await write({}, false);
    assert.deepEqual(api.mutating.value?.webhooks, [foreign]);
  });

  it("follows a URL that moved, whatever stood there", async () => {
    await write({}, false);
    await write({ target: { type: "url", url: "https://127.0.0.1:1234" } }, false);
    const config = api.validating.value?.webhooks?.[0]?.clientConfig;
    assert.equal(config?.url, "https://127.0.0.1:1234/validate");
    assert.ok(!config.service);
    await write({ target: { type: "url", url: "https://127.0.0.1:1234" } }, false);
    assert.equal(api.validating.writes, 2);
  });

  it("conflicts with whoever wrote since it read", async () => {
    await write({}, false);
    const live = await readConfigurations(api.client);
    await write({ caBundle: "NEWER" }, false);
    await assert.rejects(
      writeConfigurations(api.client, live, {
        validating: guardEntries({ ...options, caBundle: "OLDER" }),
        mutating: [],
      }),
      ConfigurationConflict,
    );
    assert.equal(api.validating.value?.webhooks?.[0]?.clientConfig.caBundle, Buffer.from("NEWER").toString("base64"));
  });

  it("conflicts with whoever created or deleted it since", async () => {
    const nothing = await readConfigurations(api.client);
    await write({}, false);
    const wanted = { validating: guardEntries({ ...options, caBundle: "X" }), mutating: [] };
    await assert.rejects(writeConfigurations(api.client, nothing, wanted), ConfigurationConflict);
    const live = await readConfigurations(api.client);
    api.validating.delete();
    await assert.rejects(writeConfigurations(api.client, live, wanted), ConfigurationConflict);
  });
});

type Harmed = NonNullable<V1ValidatingWebhookConfiguration["webhooks"]>[number];
