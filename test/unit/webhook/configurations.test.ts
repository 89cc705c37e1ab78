import assert from "node:assert/strict";
import type { V1ValidatingWebhookConfiguration } from "@kubernetes/client-node";
import {
  mutatingConfiguration,
  validatingConfiguration,
  type GenerateOptions,
} from "../../../webhook/configurations/generate.ts";
import {
  ConfigurationConflict,
  readConfigurations,
  writeConfigurations,
  type LiveConfigurations,
} from "../../../webhook/configurations/webhookConfigurations.ts";
import { fakeApi } from "./support/fakeApi.ts";

const options: GenerateOptions = {
  target: { type: "service", namespace: "sec", name: "hook", port: 443 },
  excludeNamespaces: ["sec", "kube-system"],
  caBundle: "PEM",
};

describe("generated configurations", () => {
  it("fail closed within 10 seconds, for three shapes, outside the excluded namespaces", () => {
    const validating = validatingConfiguration(options);
    assert.equal(validating.metadata?.name, "image-security");
    assert.deepEqual(
      validating.webhooks?.map(({ name }) => name),
      [
        "pods.validate.imagesecurity.dev",
        "workloads.validate.imagesecurity.dev",
        "cronjobs.validate.imagesecurity.dev",
      ],
    );
    for (const entry of [...(validating.webhooks ?? []), ...(mutatingConfiguration(options).webhooks ?? [])]) {
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
    const resources = validatingConfiguration(options).webhooks?.flatMap(
      ({ rules }) => rules?.flatMap((rule) => rule.resources ?? []) ?? [],
    );
    assert.deepEqual(resources?.toSorted(), [
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

  it("point to a Service or to a URL", () => {
    assert.deepEqual(validatingConfiguration(options).webhooks?.[0]?.clientConfig.service, {
      namespace: "sec",
      name: "hook",
      port: 443,
      path: "/validate",
    });
    const byUrl = mutatingConfiguration({ ...options, target: { type: "url", url: "https://127.0.0.1:9443/" } });
    assert.equal(byUrl.webhooks?.[0]?.clientConfig.url, "https://127.0.0.1:9443/mutate");
    assert.equal(byUrl.webhooks?.[0]?.reinvocationPolicy, "IfNeeded");
  });

  it("leave the bundle out for manifests that come before the certificate", () => {
    const entry = validatingConfiguration({ ...options, caBundle: undefined }).webhooks?.[0];
    assert.ok(entry && !("caBundle" in entry.clientConfig));
  });
});

describe("writeConfigurations", () => {
  const write = async (
    api: ReturnType<typeof fakeApi>,
    changes: Partial<GenerateOptions>,
    pins: boolean | undefined,
  ): Promise<LiveConfigurations> =>
    await writeConfigurations(
      api.configurations,
      await readConfigurations(api.configurations),
      { ...options, ...changes },
      pins,
    );

  /** What `kubectl apply -k config/default` leaves, changed by its owner. */
  const installed = (): V1ValidatingWebhookConfiguration => {
    const whole = validatingConfiguration({
      ...options,
      caBundle: undefined,
      excludeNamespaces: ["sec", "kube-system", "infra"],
    });
    for (const entry of whole.webhooks ?? []) {
      entry.failurePolicy = "Ignore";
      entry.timeoutSeconds = 5;
      entry.rules = [];
      entry.matchConditions = [{ name: "not-the-robot", expression: "true" }];
      entry.objectSelector = { matchLabels: { a: "b" } };
    }
    whole.metadata = { name: "image-security", labels: { team: "platform" } };
    return whole;
  };

  it("creates the validating one; the mutating one only where a policy pins", async () => {
    const api = fakeApi();
    await write(api, {}, false);
    assert.deepEqual(
      api.validating.value?.webhooks,
      JSON.parse(JSON.stringify(validatingConfiguration(options).webhooks)),
    );
    assert.equal(api.mutating.writes, 0);
    await write(api, {}, true);
    assert.equal(api.mutating.value?.webhooks?.length, 3);
  });

  it("writes nothing where nothing differs", async () => {
    const api = fakeApi();
    await write(api, {}, true);
    await write(api, {}, true);
    await write(api, {}, undefined);
    assert.deepEqual([api.validating.writes, api.mutating.writes], [1, 1]);
  });

  it("takes its own fields of what kustomize installed, and leaves the others to its owner", async () => {
    const api = fakeApi();
    await api.validating.create(installed());
    await write(api, {}, false);
    const [entry] = api.validating.value?.webhooks ?? [];
    assert.equal(entry?.clientConfig.caBundle, Buffer.from("PEM").toString("base64"));
    assert.deepEqual(entry?.clientConfig.service?.name, "hook");
    assert.deepEqual(entry?.rules?.[0]?.resources, ["pods", "pods/ephemeralcontainers"]);
    assert.equal(entry?.failurePolicy, "Ignore");
    assert.equal(entry?.timeoutSeconds, 5);
    assert.deepEqual(entry?.objectSelector, { matchLabels: { a: "b" } });
    assert.deepEqual(api.validating.value?.metadata?.labels, { team: "platform" });
    assert.equal(entry?.namespaceSelector?.matchExpressions?.[0]?.values?.includes("infra"), true);
  });

  it("takes the namespaces of the validating entries over into the mutating ones, and follows them", async () => {
    const api = fakeApi();
    await api.validating.create(installed());
    await api.mutating.create({ metadata: { name: "image-security" }, webhooks: [] });
    await write(api, {}, true);
    const excluded = (): readonly string[] =>
      api.mutating.value?.webhooks?.[0]?.namespaceSelector?.matchExpressions?.[0]?.values ?? [];
    assert.deepEqual(excluded(), ["infra", "kube-system", "sec"]);
    for (const entry of api.validating.value?.webhooks ?? [])
      entry.namespaceSelector = { matchExpressions: [{ key: "k", operator: "NotIn", values: ["x"] }] };
    await write(api, {}, true);
    assert.deepEqual(excluded(), ["x"]);
  });

  it("removes the mutating entries, and only its own, when no policy pins any more", async () => {
    const api = fakeApi();
    await write(api, {}, true);
    const foreign = {
      name: "other.example.com",
      clientConfig: {},
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
    };
    api.mutating.value?.webhooks?.push(foreign);
    await write(api, {}, undefined);
    assert.equal(api.mutating.value?.webhooks?.length, 4, "not known yet: left alone");
    await write(api, {}, false);
    assert.deepEqual(api.mutating.value?.webhooks, [foreign]);
  });

  it("puts right what someone changed or removed", async () => {
    const api = fakeApi();
    await write(api, {}, false);
    const entries = api.validating.value?.webhooks ?? [];
    for (const entry of entries) entry.clientConfig.caBundle = "";
    if (entries[0] !== undefined) entries[0].matchConditions = [];
    entries.splice(1, 1);
    await write(api, {}, false);
    const names = api.validating.value?.webhooks?.map(({ name }) => name).toSorted();
    assert.deepEqual(names, [
      "cronjobs.validate.imagesecurity.dev",
      "pods.validate.imagesecurity.dev",
      "workloads.validate.imagesecurity.dev",
    ]);
    assert.ok(api.validating.value?.webhooks?.every(({ clientConfig }) => clientConfig.caBundle !== ""));
    assert.equal(api.validating.value?.webhooks?.[0]?.matchConditions?.length, 1);
  });

  it("follows a URL that moved, whatever stood there", async () => {
    const api = fakeApi();
    await write(api, {}, false);
    await write(api, { target: { type: "url", url: "https://127.0.0.1:1234" } }, false);
    const config = api.validating.value?.webhooks?.[0]?.clientConfig;
    assert.equal(config?.url, "https://127.0.0.1:1234/validate");
    assert.ok(!config.service);
    await write(api, { target: { type: "url", url: "https://127.0.0.1:1234" } }, false);
    assert.equal(api.validating.writes, 2);
  });

  it("conflicts with whoever wrote since it read", async () => {
    const api = fakeApi();
    await write(api, {}, false);
    const live = await readConfigurations(api.configurations);
    await write(api, { caBundle: "NEWER" }, false);
    await assert.rejects(
      writeConfigurations(api.configurations, live, { ...options, caBundle: "OLDER" }, false),
      ConfigurationConflict,
    );
    assert.equal(api.validating.value?.webhooks?.[0]?.clientConfig.caBundle, Buffer.from("NEWER").toString("base64"));
  });

  it("conflicts with whoever created or deleted it since", async () => {
    const api = fakeApi();
    const nothing = await readConfigurations(api.configurations);
    await write(api, {}, false);
    await assert.rejects(writeConfigurations(api.configurations, nothing, options, false), ConfigurationConflict);
    const live = await readConfigurations(api.configurations);
    api.validating.delete();
    await assert.rejects(
      writeConfigurations(api.configurations, live, { ...options, caBundle: "X" }, false),
      ConfigurationConflict,
    );
  });
});
