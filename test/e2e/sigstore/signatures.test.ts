import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../evidence/registry/settings.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import type { RunningOperator } from "../../../operator/run.ts";
import { addSamples, samples, sampleRegistry } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { readFixture, type Fixture } from "../../unit/evidence/sigstore/memoryRepository.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { policy, startOperator } from "../operator/operatorUnderTest.ts";
import { run } from "../registry-tools/tools.ts";

/** What `COSIGN` names (programs, separated by colons), or what PATH has: building it takes minutes. */
const programs = (process.env["COSIGN"] ?? "cosign:cosign2:cosign3").split(":");
const nginx = samples[0]!;
const image = `${sampleRegistry}/${nginx.repository}@${nginx.image.digest}`;

/** Somebody with a key who can sign the sample image: real cosign, or what it left in a fixture. */
interface Signing {
  readonly name: string;
  readonly publicKey: () => Promise<string>;
  readonly sign: (registry: SandboxRegistry) => Promise<void>;
}

describe("signatures on a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let registry: SandboxRegistry;
  let operator: RunningOperator;
  let directory: string;
  let namespace: string;

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const apply = async (name: string, spec: object): Promise<void> => {
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", policy(name, spec));
    assert.equal(code, 0, stderr);
  };
  const status = async (
    name: string,
  ): Promise<{
    readonly observedGeneration?: number;
    readonly authorities?: readonly { readonly name: string; readonly fingerprints?: readonly string[] }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  }> => (JSON.parse(await kubectl("get", "isp", name, "-o", "json")) as { status?: object }).status ?? {};
  const ready = async (name: string): Promise<string> => {
    const found = (await status(name)).conditions?.find(({ type }) => type === "Ready");
    return found === undefined ? "" : `${found.status} ${found.reason}: ${found.message}`;
  };
  const tryRun = async (name: string): Promise<string> => {
    const { code, stderr } = await cluster.kubectl("run", name, `--image=${image}`, "-n", namespace);
    return code === 0 ? "created" : stderr;
  };
  const secret = async (name: string, text: string, into = "opa-system"): Promise<void> => {
    const file = join(directory, "cosign.pub");
    await writeFile(file, text);
    const { stdout } = await cluster.kubectl(
      "create",
      "secret",
      "generic",
      name,
      `--from-file=cosign.pub=${file}`,
      "-n",
      into,
      "--dry-run=client",
      "-o",
      "yaml",
    );
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", { input: stdout });
    assert.equal(code, 0, stderr);
  };
  const secretRef = { namespace: "opa-system", name: "cosign-pub", key: "cosign.pub" };
  const signed = (key: object = { secretRef }): object => ({
    match: { namespaces: [namespace] },
    authorities: [{ name: "release", key, transparencyLog: "Ignored" }],
    signatures: { authorities: ["release"] },
  });
  const freshKey = (): string =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "pem", type: "spki" }).toString();

  const signers: Signing[] = [];
  before(async function () {
    this.timeout(clusterTimeout);
    directory = await mkdtemp(join(tmpdir(), "cosign-flow-"));
    for (const program of programs) {
      const version = await run(program, ["version"]).catch(() => undefined);
      const [, full, major] = /^GitVersion:\s+(v(\d)\S*)/m.exec(`${version?.stdout}\n${version?.stderr}`) ?? [];
      if (major !== undefined) signers.push(await withCosign(program, `cosign ${full}`, Number(major), directory));
    }
    if (signers.length === 0)
      for (const name of ["cosign2-signature", "cosign3-signature-p384"]) signers.push(fromFixture(name));
    cluster = await startOwnCluster();
    await cluster.installCrds();
    registry = await startRegistry();
    addSamples(registry.store);
    operator = await startOperator(cluster, {
      registry: { ...DEFAULT_REGISTRY_SETTINGS, mirrors: new Map([[sampleRegistry, registry.url]]) },
      proofs: { ...defaultSettings().proofs, workers: 1 },
    });
    await kubectl("create", "namespace", "opa-system");
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await registry?.close();
    await cluster?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });
  beforeEach(async () => {
    namespace = await cluster.newNamespace("signed");
  });
  afterEach(() => kubectl("delete", "isp", "--all"));

  /** Takes every signature off the image. */
  const unsign = (): void => {
    const store = registry.store.open(nginx.repository);
    for (const { digest } of registry.store.referrers(nginx.repository, nginx.image.digest))
      store.manifests.delete(digest);
    for (const tag of store.tags.keys()) if (tag.startsWith("sha256-")) store.tags.delete(tag);
  };

  it("runs the documented flow: refused without a signature, created with one", async function () {
    this.timeout(120_000);
    for (const { name, publicKey, sign } of signers) {
      unsign();
      await secret("cosign-pub", await publicKey());
      await apply("signed", signed());
      await eventually(async () => assert.equal((await ready("signed")).split(":")[0], "True Compiled"));
      // The last round's signature was taken off; the registry's answers are kept for two seconds.
      await eventually(async () => {
        const refused = await tryRun("web");
        assert.match(refused, /SignatureMissing: .*release: no signature was found/, name);
        assert.match(refused, new RegExp(nginx.image.digest), name);
      });
      await sign(registry);
      // That there is nothing is kept for half a second; real cosign takes longer.
      await eventually(async () => assert.equal(await tryRun("web"), "created", name));
      await kubectl("delete", "pod", "web", "-n", namespace, "--wait=false", "--force");
      await kubectl("delete", "isp", "signed");
    }
  });

  it("takes a changed Secret within seconds, and says so", async () => {
    const [first] = signers;
    unsign();
    await secret("cosign-pub", await first!.publicKey());
    await first!.sign(registry);
    await apply("signed", signed());
    await eventually(async () => assert.match(await ready("signed"), /^True Compiled/));
    const before = (await status("signed")).authorities;
    assert.match(before?.[0]?.fingerprints?.[0] ?? "", /^sha256:[0-9a-f]{64}$/);
    assert.equal(await tryRun("before"), "created");

    await secret("cosign-pub", freshKey());
    await eventually(async () =>
      assert.match(await tryRun(`after-${Date.now()}`), /SignatureUntrusted: .*not made with this key/),
    );
    await eventually(async () => assert.notDeepEqual((await status("signed")).authorities, before));
    await eventually(async () => {
      const events = await kubectl("get", "events", "-n", "default", "-o", "json");
      const list = (
        JSON.parse(events) as { items: { reason: string; involvedObject: { name: string }; message: string }[] }
      ).items;
      const changed = list.find(
        ({ reason, involvedObject }) => reason === "TrustChanged" && involvedObject.name === "signed",
      );
      assert.match(changed?.message ?? "", /release has changed from sha256:/);
    });

    await secret("cosign-pub", await first!.publicKey());
    await eventually(async () => assert.equal(await tryRun(`again-${Date.now()}`), "created"));
    await eventually(async () => assert.deepEqual((await status("signed")).authorities, before));
  });

  it("finds running pods whose key is trusted no longer", async () => {
    const [first] = signers;
    unsign();
    await secret("cosign-pub", await first!.publicKey());
    await first!.sign(registry);
    await apply("signed", signed());
    await eventually(async () => assert.equal(await tryRun("web"), "created"));
    await secret("cosign-pub", freshKey());
    await eventually(async () => {
      const found = await kubectl("get", "violations", "-n", namespace, "-o", "json");
      const [violation] = (JSON.parse(found) as { items: { summary: { reasons: string } }[] }).items;
      assert.equal(violation?.summary.reasons, "SignatureUntrusted");
    });
  });

  it("refuses references out of the trusted namespaces, and what they were to guard", async () => {
    const [first] = signers;
    unsign();
    await first!.sign(registry);
    await secret("cosign-pub", await first!.publicKey(), "default");
    for (const key of [{ secretRef: { ...secretRef, namespace: "default" } }, { kms: "k8s://default/cosign-pub" }]) {
      await apply("signed", signed(key));
      await eventually(async () => assert.match(await ready("signed"), /^False NamespaceNotTrusted: .*default/));
      assert.match(await tryRun("web"), /EvidenceUnavailable: .*release: /);
    }
    await apply("signed", signed({ secretRef: { ...secretRef, name: "missing" } }));
    await eventually(async () => assert.match(await ready("signed"), /^False ReferenceNotFound: /));
    await secret("missing", await first!.publicKey());
    await eventually(async () => assert.equal(await tryRun("web"), "created"));
    await secret("missing", "garbage");
    await eventually(async () => assert.match(await ready("signed"), /^False KeyInvalid: /));
    assert.match(await tryRun("other"), /EvidenceUnavailable: /);
  });

  it("judges attestations with their conditions", async () => {
    unsign();
    const fixture = readFixture("cosign3-attestations");
    load(registry, fixture);
    const attested = (expression: string): object => ({
      match: { namespaces: [namespace] },
      authorities: [{ name: "ci", key: { pem: fixture.publicKey }, transparencyLog: "Ignored" }],
      attestations: [
        {
          predicateType: "slsaprovenance1",
          authorities: ["ci"],
          conditions: [{ expression, message: "not built on the hosted builder" }],
        },
      ],
    });
    await apply("attested", attested('predicate.runDetails.builder.id == "https://example.com/builder/own"'));
    await eventually(async () =>
      assert.match(await tryRun("web"), /AttestationRejected: .*not built on the hosted builder/),
    );
    await apply("attested", attested('predicate.runDetails.builder.id == "https://example.com/builder/hosted"'));
    await eventually(async () => assert.equal(await tryRun("web"), "created"));
    await apply("attested", attested("predicate.runDetails.builder.id =="));
    await eventually(async () => assert.match(await ready("attested"), /^False ExpressionInvalid: /));
    assert.match(await tryRun("other"), /EvidenceUnavailable: /);
  });
});

/** Real cosign with a key of its own; nothing leaves the machine. */
async function withCosign(program: string, name: string, major: number, directory: string): Promise<Signing> {
  const home = await mkdtemp(join(directory, "home-"));
  const env = {
    PATH: process.env["PATH"],
    HOME: home,
    COSIGN_PASSWORD: "",
    HTTPS_PROXY: "http://127.0.0.1:1",
    HTTP_PROXY: "http://127.0.0.1:1",
  };
  const cosign = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await run(program, args, { cwd: home, env });
    assert.equal(code, 0, stderr);
  };
  await cosign("generate-key-pair");
  const offline = major < 3 ? [] : ["--use-signing-config=false"];
  return {
    name,
    publicKey: () => readFile(join(home, "cosign.pub"), "utf8"),
    sign: ({ host }) =>
      cosign(
        "sign",
        "--key",
        "cosign.key",
        "--tlog-upload=false",
        ...offline,
        "--yes",
        "--allow-insecure-registry",
        `${host}/${nginx.repository}@${nginx.image.digest}`,
      ),
  };
}

/** What `generate.sh` made with real cosign, where there is none on this machine. */
function fromFixture(name: string): Signing {
  const fixture = readFixture(name);
  return {
    name: fixture.made,
    publicKey: () => Promise.resolve(fixture.publicKey),
    sign: (registry) => Promise.resolve(load(registry, fixture)),
  };
}

function load({ store }: SandboxRegistry, { blobs, manifests, tags }: Fixture): void {
  for (const blob of blobs) store.putBlob(nginx.repository, Buffer.from(blob, "base64"));
  for (const { mediaType, bytes } of manifests)
    store.putManifest(nginx.repository, { bytes: Buffer.from(bytes, "base64"), mediaType });
  for (const [tag, digest] of Object.entries(tags)) store.tag(nginx.repository, tag, digest);
}
