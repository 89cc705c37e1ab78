import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addSamples, sampleRegistry, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { run, type ToolResult } from "../registry-tools/tools.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const nginx = samples[0]!;
const tagged = `${sampleRegistry}/${nginx.repository}:${nginx.tag}`;
const pinned = `${sampleRegistry}/${nginx.repository}@${nginx.image.digest}`;

const policy = (name: string, spec: string): string =>
  `apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
const pod = (image: string, more = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web${more}}\nspec:\n  containers:\n  - name: web\n    image: ${image}\n`;

describe("image-security check", function () {
  this.timeout(30_000);
  let registry: SandboxRegistry;
  let folder: string;

  const check = (args: readonly string[], input = ""): Promise<ToolResult> =>
    run(process.execPath, [main, "check", `--registry-mirror=${sampleRegistry}=${registry.url}`, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder },
      input,
    });
  const place = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
  };

  before(async () => {
    registry = await startRegistry({});
    addSamples(registry.store);
  });
  after(async () => registry.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "check-"));
    await place({ "policy.yaml": policy("production", `{registries: {allow: ["${sampleRegistry}"]}, digest: {}}`) });
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it("passes what a cluster would admit", async () => {
    await place({ "pod.yaml": pod(pinned) });
    const { code, stdout, stderr } = await check(["pod.yaml", "--policy=policy.yaml"]);
    assert.equal(stdout, "1 object judged: 1 admitted", stderr);
    assert.equal(code, 0);
  });

  it("says what a cluster would refuse, with the line of the image", async () => {
    await place({ "apps/pod.yaml": `# ours\n${pod(tagged)}`, "apps/service.yaml": "apiVersion: v1\nkind: Service\n" });
    const { code, stdout } = await check(["apps", "--policy=policy.yaml"]);
    assert.equal(code, 1);
    assert.equal(
      stdout,
      "apps/pod.yaml:2: Pod/web in namespace default: denied\n" +
        `  apps/pod.yaml:8: denied: [production] container "web", image "${tagged}": DigestRequired: uses a tag; write ` +
        `${sampleRegistry}/${nginx.repository}@sha256:... (crane digest ${tagged})\n` +
        "1 object judged: 1 denied, 0 admitted (1 without images passed over)",
    );
  });

  it("says once what several policies say, as a cluster would; the JSON has every finding", async () => {
    await place({
      "pod.yaml": pod("quay.io/company/web:v1"),
      "more.yaml": policy("all", `{registries: {allow: ["${sampleRegistry}"]}, digest: {}}`),
    });
    const policies = ["--policy=policy.yaml", "--policy=more.yaml"];
    const { stdout } = await check(["pod.yaml", ...policies]);
    const image = 'container "web", image "quay.io/company/web:v1"';
    assert.deepEqual(stdout.split("\n").slice(1, -1), [
      `  pod.yaml:7: denied: [all, production] ${image}: RegistryNotAllowed: quay.io/company/web is not allowed; allowed: ${sampleRegistry}`,
      `  pod.yaml:7: denied: [all, production] ${image}: DigestRequired: uses a tag`,
    ]);
    const json = JSON.parse((await check(["pod.yaml", ...policies, "--output=json"])).stdout) as {
      objects: { findings: unknown[] }[];
    };
    assert.equal(json.objects[0]?.findings.length, 4);
  });

  it("pins as the cluster would before it judges", async () => {
    await place({ "pin.yaml": policy("pin", "{digest: {pin: Pods, verify: true}}"), "pod.yaml": pod(tagged) });
    const { code, stdout } = await check(["pod.yaml", "--policy=pin.yaml", "--output=json"]);
    assert.equal(code, 0, stdout);
    const { objects } = JSON.parse(stdout) as { objects: { pinned: string[]; verdict: string }[] };
    assert.deepEqual(objects[0]?.pinned, [`${tagged}@${nginx.image.digest}`]);
  });

  it("takes keys and scans from what it judges by, never from what is judged", async () => {
    const secret = (key: string): string =>
      `---\napiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: opa-system}\nstringData: {cosign.pub: ${JSON.stringify(key)}}\n`;
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    const key = "{secretRef: {namespace: opa-system, name: key, key: cosign.pub}}";
    const signed = policy("signed", `{authorities: [{name: a, key: ${key}}], signatures: {authorities: [a]}}`);
    await place({ "signed.yaml": signed, "pod.yaml": `${pod(pinned)}${secret(pem)}` });
    const missing = await check(["pod.yaml", "--policy=signed.yaml"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /Secret opa-system\/key is in none of the files; give it with --policy/);
    await place({ "signed.yaml": `${signed}${secret("no key")}` });
    assert.match((await check(["pod.yaml", "--policy=signed.yaml"])).stderr, /key.secretRef: holds no PEM block/);
  });

  it("takes lists, several documents, standard input and images of the command line", async () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: "${tagged}"}]}}\n`;
    const { stdout } = await check(
      ["-", "--policy=policy.yaml", `--image=${pinned}`, "--image=nginx"],
      `${list}---\n${pod(tagged)}`,
    );
    assert.match(stdout, /^-:4: Pod\/a in namespace default: denied$/m);
    assert.match(stdout, /^-:6: Pod\/web in namespace default: denied$/m);
    assert.match(stdout, /^--image:1: Pod\/image in namespace default: denied$/m);
    assert.match(stdout, /^4 objects judged: 3 denied, 1 admitted$/m);
  });

  it("passes over in templates what an injector replaces in their Pods, where it is told of it", async () => {
    await place({
      "gateway.yaml": `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: gateway}\nspec:\n  template:\n    spec:\n      containers: [{name: istio-proxy, image: auto}]\n`,
      "pod.yaml": pod("auto"),
    });
    const told = ["--policy=policy.yaml", "--template-placeholders=auto"];
    assert.match((await check(["gateway.yaml", "--policy=policy.yaml"])).stdout, /"auto": RegistryNotAllowed/);
    assert.equal((await check(["gateway.yaml", ...told])).stdout, "1 object judged: 1 admitted");
    assert.match(
      (await check(["gateway.yaml", ...told, "--explain"])).stdout,
      /^ {2}containers "istio-proxy": auto: passed over, for an injector replaces it in Pods/m,
    );
    assert.match((await check(["pod.yaml", ...told, "--explain"])).stdout, /"auto": RegistryNotAllowed/);
    assert.match((await check(["pod.yaml", told[0]!, "--template-placeholders=quay.io/x"])).stderr, /no single word/);
  });

  it("ends with 1 for warnings where that is wished", async () => {
    await place({ "warn.yaml": policy("warn", "{enforcementAction: warn, digest: {}}"), "pod.yaml": pod(tagged) });
    const warned = await check(["pod.yaml", "--policy=warn.yaml"]);
    assert.equal(warned.code, 0);
    assert.match(warned.stdout, /admitted, with warnings\n {2}pod\.yaml:7: warning: \[warn\] .*DigestRequired/);
    assert.equal((await check(["pod.yaml", "--policy=warn.yaml", "--fail-on=warn"])).code, 1);
  });

  it("silences by exceptions what a cluster would, until their end", async () => {
    const exception = (expires: string): string =>
      `apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityException\nmetadata: {name: legacy}\n` +
      `spec: {policies: [production], rules: [digest], match: {namespaces: [default]}, reason: moving, expires: "${expires}"}\n`;
    await place({ "pod.yaml": pod(tagged), "ise.yaml": exception(new Date(Date.now() + 86_400_000).toISOString()) });
    const silenced = await check(["pod.yaml", "--policy=policy.yaml", "--policy=ise.yaml"]);
    assert.equal(silenced.code, 0, silenced.stdout);
    assert.match(silenced.stdout, /exempted: \[production\] .*DigestRequired.*\(exempted by legacy\)/);
    await place({ "ise.yaml": exception(new Date(Date.now() - 1_000).toISOString()) });
    assert.equal((await check(["pod.yaml", "--policy=policy.yaml", "--policy=ise.yaml"])).code, 1);
    await place({ "ise.yaml": exception(new Date(Date.now() + 200 * 86_400_000).toISOString()) });
    assert.equal((await check(["pod.yaml", "--policy=policy.yaml", "--policy=ise.yaml"])).code, 1, "is too long");
  });

  it("tells what led to a verdict", async () => {
    await place({
      "pin.yaml": policy("pin", "{match: {namespaces: [default]}, digest: {pin: Pods, verify: true}}"),
      "other.yaml": policy("other", "{match: {namespaces: [elsewhere]}, digest: {}}"),
      "pod.yaml": pod(tagged),
    });
    const { code, stdout } = await check(["pod.yaml", "--policy=pin.yaml", "--policy=other.yaml", "--explain"]);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^  containers "web": ${tagged}@${nginx.image.digest}$`, "m"));
    assert.match(
      stdout,
      /^ {6}pin: applies \(namespaces: \["default"\], workloads: "All"\), action deny, rules digest$/m,
    );
    assert.match(stdout, /^ {6}other: does not apply \(namespaces: \["elsewhere"\], workloads: "All"\)$/m);
    assert.match(stdout, new RegExp(`^    digest: ${nginx.image.digest}$`, "m"));
    assert.match(stdout, /^ {4}manifest: application\/vnd\.oci\.image\.manifest\.v1\+json, \d+ bytes$/m);
  });

  it("reads keys and pull secrets from the files", async () => {
    await place({
      "signed.yaml": policy(
        "signed",
        "{signatures: {authorities: [a]}, authorities: [{name: a, key: {secretRef: {namespace: s, name: key, key: cosign.pub}}}]}",
      ),
      "pod.yaml": pod(pinned),
    });
    const without = await check(["pod.yaml", "--policy=signed.yaml"]);
    assert.equal(without.code, 1);
    assert.match(
      without.stderr,
      /policy signed is not Ready here: ReferenceNotFound: .*Secret s\/key is in none of the files/,
    );
    assert.match(without.stdout, /EvidenceUnavailable/);
    const key =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsbVa4zGqWG4jIKDKrZ8h0XhYoHpY\nj6yl1XGS2xQ/lk5pxxMoBzrqGVAs0XNAjHZ9Jnk7dK4hzj5h5r5b4a5V3g==\n-----END PUBLIC KEY-----\n";
    await place({
      "secret.yaml": `apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: s}\nstringData: {cosign.pub: ${JSON.stringify(key)}}\n`,
    });
    const withKey = await check(["pod.yaml", "--policy=signed.yaml", "--policy=secret.yaml"]);
    assert.doesNotMatch(withKey.stderr, /ReferenceNotFound/);
  });

  it("asks for the labels of a namespace where a policy does, and takes them from the files or a flag", async () => {
    await place({
      "prod.yaml": policy("prod", "{match: {namespaceSelector: {matchLabels: {env: prod}}}, digest: {}}"),
      "pod.yaml": pod(tagged, ", namespace: shop"),
      "shop.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: prod}}\n",
    });
    const unknown = await check(["pod.yaml", "--policy=prod.yaml"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /policy prod asks for the labels of namespace shop, which are not known/);
    assert.equal((await check(["pod.yaml", "shop.yaml", "--policy=prod.yaml"])).code, 1);
    assert.equal((await check(["pod.yaml", "--policy=prod.yaml", "--namespace-labels=shop:env=prod,a=b"])).code, 1);
    assert.equal((await check(["pod.yaml", "--policy=prod.yaml", "--namespace-labels=shop:env=dev"])).code, 0);
  });

  it("writes SARIF at the image's line, and JUnit", async () => {
    await place({ "a b/pod.yaml": pod('evil.example.com/x<y>&"z') });
    const sarif = JSON.parse((await check(["a b", "--policy=policy.yaml", "--output=sarif"])).stdout) as {
      runs: { results: { ruleId: string; level: string; locations: { physicalLocation: object }[] }[] }[];
    };
    const [first] = sarif.runs[0]?.results ?? [];
    assert.deepEqual(first?.locations[0]?.physicalLocation, {
      artifactLocation: { uri: "a%20b/pod.yaml" },
      region: { startLine: 7 },
    });
    assert.equal(first?.level, "error");
    const junit = (await check(["a b", "--policy=policy.yaml", "--output=junit"])).stdout;
    assert.match(
      junit,
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites name="image-security" tests="1" failures="1" errors="0">/,
    );
    assert.match(junit, /x&lt;y&gt;&amp;/);
  });

  const mistakes: readonly (readonly [
    why: string,
    files: Readonly<Record<string, string>>,
    args: readonly string[],
    expected: RegExp,
  ])[] = [
    ["no policy", { "p.yaml": pod("a") }, ["p.yaml"], /give policies with --policy FILE/],
    [
      "a folder without policies",
      { "p.yaml": pod("a") },
      ["p.yaml", "--policy=p.yaml"],
      /p\.yaml: holds no ImageSecurityPolicy/,
    ],
    ["nothing to judge", {}, ["--policy=policy.yaml"], /there is nothing to judge: give files/],
    [
      "an empty file",
      { "p.yaml": "# nothing\n" },
      ["p.yaml", "--policy=policy.yaml"],
      /holds no Kubernetes object, so nothing was judged/,
    ],
    ["an empty pipe", {}, ["-", "--policy=policy.yaml"], /holds no Kubernetes object/],
    ["no such file", {}, ["x.yaml", "--policy=policy.yaml"], /x\.yaml: there is no such file/],
    ["no such policy", { "p.yaml": pod("a") }, ["p.yaml", "--policy=x.yaml"], /x\.yaml: there is no such file/],
    ["no YAML", { "p.yaml": "a: b: c\n" }, ["p.yaml", "--policy=policy.yaml"], /p\.yaml:1: is no YAML: /],
    ["a template", { "p.yaml": "kind: Pod\n{{ x }}\n" }, ["p.yaml", "--policy=policy.yaml"], /p\.yaml:\d: is no YAML/],
    [
      "an unknown field of a policy",
      { "p.yaml": pod("a"), "bad.yaml": policy("bad", "{digest: {}, registry: {}}") },
      ["p.yaml", "--policy=bad.yaml"],
      /bad\.yaml:4: ImageSecurityPolicy bad: spec\.registry: is not a known field/,
    ],
    [
      "a null list of a policy",
      { "p.yaml": pod("a"), "bad.yaml": policy("bad", "{registries: {allow: null}}") },
      ["p.yaml", "--policy=bad.yaml"],
      /bad\.yaml:4: ImageSecurityPolicy bad: spec\.registries\.allow: is null; leave it out/,
    ],
    [
      "an unknown kind of ours",
      {
        "p.yaml": pod("a"),
        "bad.yaml": "apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityPolcy\nmetadata: {name: a}\n",
      },
      ["p.yaml", "--policy=bad.yaml"],
      /bad\.yaml:2: there is no imagesecurity\.dev\/v1 ImageSecurityPolcy; imagesecurity\.dev\/v1 has ImageSecurityException, ImageSecurityPolicy/,
    ],
    [
      "the same policy twice",
      { "p.yaml": pod("a"), "b.yaml": policy("production", "{digest: {}}") },
      ["p.yaml", "--policy=policy.yaml", "--policy=b.yaml"],
      /b\.yaml:3: production is in policy\.yaml:1 already/,
    ],
    [
      "an expression that does not compile",
      {
        "p.yaml": pod("a"),
        "bad.yaml": policy(
          "bad",
          '{attestations: [{predicateType: vuln, authorities: [a], conditions: [{expression: "predicate.("}]}], authorities: [{name: a, key: {kms: "awskms:///alias/x"}}]}',
        ),
      },
      ["p.yaml", "--policy=bad.yaml"],
      /bad\.yaml:4: ImageSecurityPolicy bad: spec\.attestations\[0\]\.conditions\[0\]/,
    ],
    [
      "labels of another form",
      { "p.yaml": pod("a") },
      ["p.yaml", "--policy=policy.yaml", "--namespace-labels=x"],
      /write NAMESPACE:key=value/,
    ],
    [
      "an output that is none",
      { "p.yaml": pod("a") },
      ["p.yaml", "--policy=policy.yaml", "--output=xml"],
      /Allowed choices are text, json, sarif, junit/,
    ],
  ];
  for (const [why, files, args, expected] of mistakes)
    it(`ends with 2 for ${why}`, async () => {
      await place(files);
      const { code, stderr, stdout } = await check(args);
      assert.equal(code, 2, stdout);
      assert.match(stderr, expected);
      assert.equal(stdout, "");
    });

  it("counts a registry that cannot be asked as onUnavailable says", async () => {
    const unreachable = `127.0.0.1:9/x@${nginx.image.digest}`;
    await place({
      "deny.yaml": policy("deny", "{digest: {verify: true}}"),
      "allow.yaml": policy("allow", "{onUnavailable: allow, digest: {verify: true}}"),
      "pod.yaml": pod(unreachable),
    });
    const denied = await check(["pod.yaml", "--policy=deny.yaml"]);
    assert.equal(denied.code, 1);
    assert.match(denied.stdout, /EvidenceUnavailable/);
    const allowed = await check(["pod.yaml", "--policy=allow.yaml"]);
    assert.equal(allowed.code, 0);
    assert.match(allowed.stdout, /allowed: \[allow\] .*EvidenceUnavailable/);
  });
});
