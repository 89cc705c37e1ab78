import assert from "node:assert/strict";
import type { RunningOperator } from "../../../operator/run.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import type { KubectlOptions } from "../harness/kubectl.ts";
import { install, OWN } from "./installed.ts";
import { configFolder, Overlay } from "./kustomize.ts";

describe("the operator with the rights of config/ alone", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let operator: RunningOperator | undefined;
  const logged: string[] = [];

  const kubectl = async (...args: readonly (string | KubectlOptions)[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const apply = (...documents: readonly object[]): Promise<string> =>
    kubectl("apply", "--server-side", "-f", "-", {
      input: documents.map((document) => JSON.stringify(document)).join("\n"),
    });
  const policy = (name: string, spec: object): object => ({
    apiVersion: "imagesecurity.dev/v1",
    kind: "ImageSecurityPolicy",
    metadata: { name },
    spec,
  });

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startOwnCluster();
    const installed = await install(cluster);
    await kubectl("create", "namespace", "opa-system");
    await kubectl("apply", "-k", configFolder("trusted"));

    await kubectl("run", "early", "--image=docker.io/library/nginx:1.21", "-n", "kube-system");
    operator = await installed.start(logged, "--trust-namespaces=opa-system,elsewhere");
    await operator.ready;
  });

  after(async () => {
    await operator?.stop();
    await cluster?.stop();
  });

  it("installs its webhook, with a certificate of its own", async () => {
    const bundles = await kubectl(
      "get",
      "validatingwebhookconfiguration",
      "image-security",
      "-o",
      "jsonpath={.webhooks[*].clientConfig.caBundle}",
    );
    // The probe's among them.
    assert.equal(bundles.split(" ").length, 4);
    assert.match(await kubectl("get", "secret", "-n", OWN, "-o", "name"), /image-security-webhook-certificates/);
  });

  it("judges admission by policies that refer to a Secret of a trusted namespace", async () => {
    await kubectl(
      "create",
      "secret",
      "generic",
      "cosign-pub",
      `--from-literal=cosign.pub=${publicKey}`,
      "-n",
      "opa-system",
    );
    await apply(
      policy("registries", { registries: { allow: ["registry.company.com"] } }),
      policy("signed", {
        enforcementAction: "dryrun",
        signatures: { authorities: ["release"] },
        authorities: [
          {
            name: "release",
            key: { secretRef: { namespace: "opa-system", name: "cosign-pub", key: "cosign.pub" } },
            transparencyLog: "Ignored",
          },
        ],
      }),
    );
    await kubectl("wait", "--for=condition=Ready", "isp/registries", "isp/signed", "--timeout=20s");
    const refused = await cluster.kubectl("run", "refused", "--image=docker.io/library/nginx:1.21");
    assert.match(refused.stderr, /RegistryNotAllowed/);
  });

  it("says of a trusted namespace without a Role that it is forbidden there, until there is one", async () => {
    await apply(
      policy("unreadable", {
        signatures: { authorities: ["release"] },
        enforcementAction: "dryrun",
        authorities: [
          { name: "release", key: { secretRef: { namespace: "elsewhere", name: "cosign-pub", key: "cosign.pub" } } },
        ],
      }),
    );
    const message = (): Promise<string> =>
      kubectl("get", "isp", "unreadable", "-o", "jsonpath={.status.conditions[0].message}");
    await eventually(async () =>
      assert.match(
        await message(),
        /Secret elsewhere\/cosign-pub may not be read: forbidden, no Role for ServiceAccount image-security-system\/image-security in namespace "elsewhere"; apply one such as config\/trusted/,
      ),
    );
    await kubectl("create", "namespace", "elsewhere");
    await using overlay = await Overlay.over(["trusted"], { namespace: "elsewhere" });
    await kubectl("apply", "-k", overlay.folder);
    await eventually(async () => assert.match(await message(), /Secret elsewhere\/cosign-pub does not exist/), {
      within: 30_000,
    });
    await kubectl("delete", "isp", "unreadable");
  });

  it("audits, and writes Violations, status and Events", async () => {
    await eventually(async () =>
      assert.match(
        await kubectl("get", "violations", "-n", "kube-system"),
        /registries +deny +early +RegistryNotAllowed/,
      ),
    );
    await eventually(async () =>
      assert.equal(await kubectl("get", "isp", "registries", "-o", "jsonpath={.status.violations}"), "1"),
    );
    await eventually(async () => assert.match(await kubectl("get", "events", "-n", "kube-system"), /pod\/early/));
    await kubectl("delete", "pod", "early", "-n", "kube-system", "--force", "--grace-period=0");
    await eventually(async () =>
      assert.equal(await kubectl("get", "violations", "-n", "kube-system", "-o", "name"), ""),
    );
  });

  it("may read and write what its people need, by roles for every kind", async () => {
    const may = async (verb: string, resource: string, user: string): Promise<boolean> =>
      (await cluster.kubectl("auth", "can-i", verb, resource, "-A", `--as=${user}`)).stdout.trim() === "yes";
    const table = [
      ["view", "get", "imagesecuritypolicies", true],
      ["view", "list", "violations", true],
      ["view", "get", "imagesecurityexceptions", false],
      ["admin", "create", "imagesecuritypolicies", false],
      ["image-security-viewer", "list", "imagesecurityexceptions", true],
      ["image-security-viewer", "patch", "imagesecuritypolicies", false],
      ["image-security-policies-editor", "create", "imagesecuritypolicies", true],
      ["image-security-policies-editor", "create", "imagesecurityexceptions", false],
      ["image-security-policies-editor", "get", "imagesecurityexceptions", true],
      ["image-security-exceptions-editor", "delete", "imagesecurityexceptions", true],
      ["image-security-exceptions-editor", "patch", "imagesecuritypolicies", false],
    ] as const;
    for (const role of new Set(table.map(([name]) => name)))
      await kubectl("create", "clusterrolebinding", `test-${role}`, `--clusterrole=${role}`, `--user=${role}`);
    // Roles are aggregated by a controller manager, which this cluster has none of: view is what it would be.
    const aggregated = await kubectl(
      "get",
      "clusterrole",
      "-l",
      "rbac.authorization.k8s.io/aggregate-to-view=true",
      "-o",
      "name",
    );
    for (const role of aggregated
      .trim()
      .split("\n")
      .map((name) => name.split("/")[1] ?? ""))
      await kubectl(
        "create",
        "clusterrolebinding",
        `view-${role}`.replaceAll(":", "-"),
        `--clusterrole=${role}`,
        "--user=view",
      );
    for (const [role, verb, resource, yes] of table)
      assert.equal(await may(verb, resource, role), yes, `${role} ${verb} ${resource}`);
    const account = `system:serviceaccount:${OWN}:image-security`;
    assert.equal(await may("get", "pods", account), false, "it watches pods and reads none");
    assert.equal(await may("list", "pods", account), true);
    assert.equal(await may("patch", "imagesecuritypolicies", account), false, "only their status");
  });

  it("writes the status of exceptions", async () => {
    await apply({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name: "legacy" },
      spec: {
        policies: ["registries"],
        rules: ["All"],
        match: { namespaces: ["legacy"] },
        reason: "x",
        expires: "2099-01-01T00:00:00Z",
      },
    });
    await eventually(async () =>
      assert.equal(await kubectl("get", "ise", "legacy", "-o", "jsonpath={.status.observedGeneration}"), "1"),
    );
  });

  it("registers for pinning while a policy pins", async () => {
    const entries = (): Promise<string> =>
      kubectl("get", "mutatingwebhookconfiguration", "image-security", "-o", "jsonpath={.webhooks[*].name}");
    assert.equal(await entries(), "");
    await apply(policy("pins", { digest: { pin: "Pods" }, match: { namespaces: ["nobody"] } }));
    await eventually(async () => assert.match(await entries(), /pods\.mutate\.imagesecurity\.dev/));
    await kubectl("delete", "isp", "pins");
    await eventually(async () => assert.equal(await entries(), ""));
  });

  it("elects itself by the Lease", async () => {
    assert.notEqual(
      await kubectl("get", "lease", "image-security", "-n", OWN, "-o", "jsonpath={.spec.holderIdentity}"),
      "",
    );
  });

  it("was refused nothing but what it was not given", () => {
    // The one namespace that it was told to trust and was given no Role in.
    const refused = logged.filter(
      (line) => /\b40[13]\b|[Ff]orbidden/.test(line) && !line.includes("/namespaces/elsewhere/"),
    );
    assert.deepEqual(refused, []);
    assert.deepEqual(
      logged.filter((line) => line.startsWith("error")),
      [],
    );
  });

  const questions: readonly (readonly [answer: "yes" | "no", ...question: readonly string[]])[] = [
    ["yes", "list", "pods", "--all-namespaces"],
    ["yes", "create", "violations.imagesecurity.dev", "-n", "default"],
    ["yes", "delete", "violations.imagesecurity.dev", "-n", "default"],
    ["yes", "patch", "imagesecuritypolicies.imagesecurity.dev", "--subresource=status"],
    ["yes", "patch", "validatingwebhookconfigurations/image-security"],
    ["yes", "list", "secrets", "-n", "opa-system"],
    ["yes", "list", "secrets", "-n", OWN],
    ["yes", "get", "secrets/image-security-webhook-certificates", "-n", OWN],
    ["no", "get", "configmaps/trust-root", "-n", OWN],
    ["no", "get", "secrets", "-n", "default"],
    ["no", "list", "secrets", "--all-namespaces"],
    ["no", "create", "secrets", "-n", "opa-system"],
    ["no", "update", "secrets/pull", "-n", OWN],
    ["no", "delete", "secrets", "-n", OWN],
    ["no", "get", "configmaps", "-n", "default"],
    ["no", "create", "pods", "-n", "default"],
    ["no", "update", "pods", "-n", "default"],
    ["no", "delete", "pods", "-n", "default"],
    ["no", "create", "pods", "--subresource=exec", "-n", "default"],
    ["no", "create", "pods", "-n", OWN],
    ["no", "update", "deployments.apps", "-n", OWN],
    ["no", "create", "imagesecuritypolicies.imagesecurity.dev"],
    ["no", "update", "imagesecuritypolicies.imagesecurity.dev"],
    ["no", "patch", "imagesecuritypolicies.imagesecurity.dev"],
    ["no", "delete", "imagesecuritypolicies.imagesecurity.dev"],
    ["no", "create", "imagesecurityexceptions.imagesecurity.dev"],
    ["no", "patch", "imagesecurityexceptions.imagesecurity.dev"],
    ["yes", "create", "validatingwebhookconfigurations"],
    ["no", "create", "mutatingwebhookconfigurations"],
    ["no", "delete", "mutatingwebhookconfigurations/image-security"],
    ["no", "delete", "validatingwebhookconfigurations/image-security"],
    ["no", "patch", "validatingwebhookconfigurations/another"],
    ["no", "patch", "mutatingwebhookconfigurations/another"],
    ["no", "list", "customresourcedefinitions"],
    ["no", "patch", "customresourcedefinitions/violations.imagesecurity.dev"],
    ["no", "update", "leases/another", "-n", OWN],
    ["no", "create", "leases", "-n", "default"],
    ["no", "get", "nodes"],
    ["no", "get", "serviceaccounts", "-n", "default"],
    ["no", "create", "serviceaccounts", "--subresource=token", "-n", OWN],
    ["no", "update", "clusterroles"],
    ["no", "impersonate", "users"],
    ["no", "delete", "namespaces"],
    ["no", "delete", "events", "-n", "default"],
  ];
  for (const [answer, ...question] of questions)
    it(`may${answer === "yes" ? "" : " not"} ${question.join(" ")}`, async () => {
      const { stdout } = await cluster.kubectl(
        "auth",
        "can-i",
        `--as=system:serviceaccount:${OWN}:image-security`,
        ...question,
      );
      assert.equal(stdout.trim(), answer);
    });

  it("may watch the reports of trivy-operator, which is not installed here", async () => {
    const user = `system:serviceaccount:${OWN}:image-security`;
    const resourceAttributes = { group: "aquasecurity.github.io", resource: "vulnerabilityreports", verb: "watch" };
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user, resourceAttributes },
    };
    assert.equal(
      await kubectl("create", "-f", "-", "-o", "jsonpath={.status.allowed}", { input: JSON.stringify(review) }),
      "true",
    );
  });

  it("leaves people with view to read Violations of their namespaces, and to write nothing", async () => {
    // Aggregation is a controller's work: what it would add to view is bound directly.
    assert.equal(
      await kubectl("get", "clusterrole", "-l", "rbac.authorization.k8s.io/aggregate-to-view=true", "-o", "name").then(
        (names) => /image-security-violations-view/.test(names),
      ),
      true,
    );
    await kubectl(
      "create",
      "rolebinding",
      "reader",
      "--clusterrole=image-security-violations-view",
      "--user=jane",
      "-n",
      "default",
    );
    const jane = async (...question: readonly string[]): Promise<string> =>
      (await cluster.kubectl("auth", "can-i", "--as=jane", ...question)).stdout.trim();
    assert.equal(await jane("list", "violations.imagesecurity.dev", "-n", "default"), "yes");
    assert.equal(await jane("list", "violations.imagesecurity.dev", "-n", "kube-system"), "no");
    for (const verb of ["create", "update", "delete", "deletecollection"])
      assert.equal(await jane(verb, "violations.imagesecurity.dev", "-n", "default"), "no");
  });
});

/** Any public key. */
const publicKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----`;
