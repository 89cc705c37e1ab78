import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { V1Deployment } from "@kubernetes/client-node";
import { parse, parseAllDocuments, stringify } from "yaml";
import { readSettings, type SettingsResult } from "../../../operator/settings/settings.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { configFolder, Overlay, type Manifest } from "./kustomize.ts";

/** The blocks of a page that are written in a language. */
const blocks = (page: string, language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map(([, text]) => text ?? "");

const page = (name: string): Promise<string> => readFile(join(configFolder("."), "..", name), "utf8");

describe("config/ and who may ask", function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
  });

  const build = async (fields: Parameters<typeof Overlay.over>[1]): Promise<readonly Manifest[]> => {
    await using overlay = await Overlay.over(["default"], fields);
    const { code, stdout, stderr } = await cluster.kubectl("kustomize", overlay.folder);
    assert.equal(code, 0, stderr);
    // What kustomize writes of our own manifests.
    return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
  };
  const containerOf = (objects: Awaited<ReturnType<typeof build>>) => {
    // The one Deployment that there is.
    const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as V1Deployment;
    return deployment.spec?.template.spec?.containers[0] ?? assert.fail();
  };
  const settingsOf = (objects: Awaited<ReturnType<typeof build>>): SettingsResult => {
    const { args, env } = containerOf(objects);
    const variables = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
    return readSettings(args?.slice(1) ?? [], { ...variables, IMAGE_SECURITY_NAMESPACE: "image-security-system" });
  };
  const component = (name: string): string => `components/${name}`;

  /** The patch of a page's block that is a kustomization. */
  const documented = async (name: string, text: RegExp): Promise<readonly object[]> => {
    const block = blocks(await page(name), "yaml").find((candidate) => text.test(candidate));
    return (parse(block ?? "") as { patches: object[] }).patches;
  };

  it("asks for client certificates and reports at first; the documented patch enforces", async () => {
    const objects = await build({ components: [component("client-certificates")] });
    const reporting = settingsOf(objects);
    assert.ok(reporting.status === "ok", JSON.stringify(reporting));
    const callers = {
      clientCa: "/etc/image-security/client-ca/ca.crt",
      clientNames: ["image-security-webhook-client"],
      addresses: [],
    };
    assert.deepEqual(reporting.settings.webhookCallers, { ...callers, action: "Report" });
    const { volumeMounts } = containerOf(objects);
    assert.ok(volumeMounts?.some(({ mountPath }) => mountPath === dirname(callers.clientCa)));
    assert.ok(
      volumeMounts?.some(({ mountPath }) => mountPath === "/tmp"),
      "what was there before",
    );

    const patches = await documented("docs/authenticating-api-servers.md", /AUTHENTICATION_ACTION/);
    const enforcing = settingsOf(await build({ components: [component("client-certificates")], patches }));
    assert.ok(enforcing.status === "ok", JSON.stringify(enforcing));
    assert.deepEqual(enforcing.settings.webhookCallers, { ...callers, action: "Enforce" });
  });

  it("reads pull secrets only with one of them", async () => {
    const alone = settingsOf(await build({ components: [component("pull-secrets")] }));
    assert.ok(alone.status === "invalid");
    assert.match(alone.messages.join(), /--read-pull-secrets lets whoever can reach the webhook/);
    const both = [component("pull-secrets"), component("client-certificates")];
    assert.equal(settingsOf(await build({ components: both })).status, "invalid", "Report proves nothing");
    const patches = await documented("docs/authenticating-api-servers.md", /AUTHENTICATION_ACTION/);
    const enforcing = settingsOf(await build({ components: both, patches }));
    assert.equal(enforcing.status === "ok" && enforcing.settings.registry.readPullSecrets, true);
    const add = { op: "add", path: "/spec/template/spec/containers/0/args/-", value: "--webhook-callers=192.0.2.10" };
    const byAddress = await build({
      components: [component("pull-secrets")],
      patches: [{ target: { kind: "Deployment", name: "image-security" }, patch: stringify([add]) }],
    });
    assert.equal(settingsOf(byAddress).status, "ok");
  });

  it("has a network policy that the API server refuses until it names addresses, as documented", async () => {
    const policyOf = (objects: Awaited<ReturnType<typeof build>>) =>
      objects.find(({ kind }) => kind === "NetworkPolicy") ?? assert.fail();
    const create = (object: object) =>
      cluster.kubectl("create", "--dry-run=server", "-f", "-", {
        input: JSON.stringify({ ...object, metadata: { name: "x", namespace: "default" } }),
      });
    const bare = await create(policyOf(await build({ components: [component("network-policy")] })));
    assert.notEqual(bare.code, 0);
    assert.match(bare.stderr, /ipBlock.*ADDRESSES-OF-THE-API-SERVERS/);
    const patches = await documented("config/README.md", /NetworkPolicy/);
    const policy = policyOf(await build({ components: [component("network-policy")], patches }));
    const taken = await create(policy);
    assert.equal(taken.code, 0, taken.stderr);
    // As the manifest writes it; client-node's types call `from` otherwise.
    const { spec } = policy as unknown as { spec: { ingress: { from?: object[] }[] } };
    for (const { from = [] } of spec.ingress) assert.ok(from.length > 0, "no rule lets in everybody");
  });

  it("has an API server start with the documented files", async () => {
    const text = await page("docs/authenticating-api-servers.md");
    const [admission, webhooks] = [/AdmissionConfiguration/, /^kind: Config/m].map((wanted) =>
      blocks(text, "yaml").find((block) => wanted.test(block)),
    );
    // Our own sandbox gives the same to its API server, with a name that fits every webhook.
    const folder = join(cluster.controlPlane.directory, "certificates");
    const given = async (name: string): Promise<string> => readFile(join(folder, name), "utf8");
    const withoutPaths = (yaml: string): unknown =>
      JSON.parse(JSON.stringify(parse(yaml)).replaceAll(/"\/[^"]*"/g, '"PATH"')) as unknown;
    assert.deepEqual(withoutPaths(admission ?? ""), withoutPaths(await given("admission.yaml")));
    const renamed = (webhooks ?? "").replace("image-security-webhook.image-security-system.svc", '"*"');
    assert.deepEqual(withoutPaths(renamed), withoutPaths(await given("webhooks.yaml")));
  });
});
