// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../evidence/registry/settings.ts";
import type { RunningOperator } from "../../../operator/run.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { makeArtifact } from "../../../sandbox/registry/images.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { addSamples, sampleRegistry, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import {
  EXPIRY,
  makeEnvelope,
  SIGNING_TIME,
  type EnvelopeOptions,
  type Format,
} from "../../unit/evidence/notation/support/envelopes.ts";
import {
  chainPem,
  keyPem,
  makeLeaf,
  makeRoot,
  pemOf,
  type Identity,
  type IssueOptions,
} from "../../unit/evidence/notation/support/pki.ts";
import { makeAnswer } from "../../unit/evidence/notation/support/signing.ts";
import { SIGNATURE, TYPES } from "../../unit/evidence/notation/support/underTest.ts";
import { clusterTimeout, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { policy, startOperator } from "../operator/operatorUnderTest.ts";
import { run } from "../registry-tools/tools.ts";

/** What `NOTATION` names, or what PATH has (Debian sid's package notation); without it a signer of ours stands in. */
const program = process.env["NOTATION"] ?? "notation";
const nginx = samples[0]!;
const image = `${sampleRegistry}/${nginx.repository}@${nginx.image.digest}`;
const DAY = 86_400_000;

describe("notation's signatures on a real API server", function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let registry: SandboxRegistry;
  let operator: RunningOperator;
  let directory: string;
  let namespace: string;
  let root: Identity;
  let signer: Identity;
  let responder: Server;
  let answer: () => Buffer | undefined = () => undefined;
  let asked = 0;
  let real: string | undefined;
  const valid = (): IssueOptions => ({ notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) });

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const apply = async (name: string, notation: object, more: object = {}): Promise<void> => {
    const spec = {
      match: { namespaces: [namespace] },
      authorities: [{ name: "notary", notation }],
      signatures: { authorities: ["notary"] },
      ...more,
    };
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", policy(name, spec));
    assert.equal(code, 0, stderr);
  };
  const status = async (
    name: string,
  ): Promise<{
    readonly authorities?: readonly { readonly fingerprints?: readonly string[] }[];
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
  let pods = 0;
  const tryRun = async (): Promise<string> => {
    const { code, stderr } = await cluster.kubectl("run", `web-${(pods += 1)}`, `--image=${image}`, "-n", namespace);
    return code === 0 ? `created ${stderr}` : stderr;
  };
  const store = async (text: string): Promise<void> => {
    const file = join(directory, "ca.crt");
    await writeFile(file, text);
    const { stdout } = await cluster.kubectl(
      "create",
      "configmap",
      "notary-ca",
      `--from-file=ca.crt=${file}`,
      "-n",
      "opa-system",
      "--dry-run=client",
      "-o",
      "yaml",
    );
    const { code, stderr } = await cluster.kubectl("apply", "-f", "-", { input: stdout });
    assert.equal(code, 0, stderr);
  };
  const trusting = {
    certificates: { configMapRef: { namespace: "opa-system", name: "notary-ca", key: "ca.crt" } },
    identities: ["x509.subject: C=US, ST=WA, O=company.com"],
  };

  before(async function () {
    this.timeout(clusterTimeout);
    directory = await mkdtemp(join(tmpdir(), "notation-flow-"));
    const version = await run(program, ["version"]).catch(() => undefined);
    real = /^Version:\s+(\S+)/m.exec(version?.stdout ?? "")?.[1];
    if (real === undefined) console.log("      notation is not installed: a signer of ours stands in");
    responder = createServer((_, response) => {
      asked += 1;
      const bytes = answer();
      if (bytes === undefined) response.destroy();
      else response.end(bytes);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => responder.once("listening", resolve));
    cluster = await startOwnCluster();
    await cluster.installCrds();
    registry = await startRegistry();
    addSamples(registry.store);
    operator = await startOperator(cluster, {
      registry: {
        ...DEFAULT_REGISTRY_SETTINGS,
        allowedAddresses: ["127.0.0.1"],
        mirrors: new Map([[sampleRegistry, registry.url]]),
      },
      proofs: { ...defaultSettings().proofs, workers: 1 },
    });
    await kubectl("create", "namespace", "opa-system");
  });
  after(async function () {
    this.timeout(30_000);
    await operator?.stop();
    await registry?.close();
    await cluster?.stop();
    responder?.closeAllConnections();
    responder?.close();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });
  /** A root and a signer that nothing is known of: what was proved is kept for ten minutes, whatever becomes of the signature. */
  const renew = async (): Promise<void> => {
    root = await makeRoot(valid());
    // A server that listens on a port has an address of this form.
    const { port } = responder.address() as AddressInfo;
    signer = await makeLeaf(root, {
      ...valid(),
      more: [new x509.AuthorityInfoAccessExtension({ ocsp: [`http://127.0.0.1:${port}/`] })],
    });
    await store(pemOf(root));
    unsign();
  };
  beforeEach(async () => {
    namespace = await cluster.newNamespace("notation");
    await renew();
    answer = () => makeAnswer(signer, root, { thisUpdate: Date.now() - 60_000, nextUpdate: Date.now() + DAY });
  });
  afterEach(() => kubectl("delete", "isp", "--all"));

  /** Takes every signature off the image. */
  const unsign = (): void => {
    const { manifests } = registry.store.open(nginx.repository);
    for (const { digest } of registry.store.referrers(nginx.repository, nginx.image.digest)) manifests.delete(digest);
  };

  /** By real notation where it is there. */
  const sign = async (format: Format): Promise<void> => {
    if (real === undefined) return signOurselves(signer, { format });
    const home = await mkdtemp(join(directory, "home-"));
    await mkdir(join(home, "notation"));
    const [keyPath, certPath] = [join(home, "key.pem"), join(home, "chain.pem")];
    await writeFile(keyPath, keyPem(signer));
    await writeFile(certPath, chainPem(signer));
    await writeFile(
      join(home, "notation", "signingkeys.json"),
      JSON.stringify({ default: "release", keys: [{ name: "release", keyPath, certPath }] }),
    );
    const { code, stderr } = await run(
      program,
      [
        "sign",
        "--insecure-registry",
        "--force-referrers-tag=false",
        "--signature-format",
        format,
        `${registry.host}/${nginx.repository}@${nginx.image.digest}`,
      ],
      { env: { PATH: process.env["PATH"], HOME: home, XDG_CONFIG_HOME: home } },
    );
    assert.equal(code, 0, stderr);
  };
  const signOurselves = (by: Identity, options: EnvelopeOptions = {}): void => {
    const { mediaType, digest, bytes } = nginx.image;
    const now = Math.floor(Date.now() / 1000) * 1000;
    const envelope = makeEnvelope(by, {
      payload: { targetArtifact: { mediaType, digest, size: bytes.length } },
      ...options,
      headers: { [SIGNING_TIME]: now - 60_000, ...options.headers },
    });
    addToStore(
      registry.store,
      nginx.repository,
      makeArtifact({
        artifactType: SIGNATURE,
        subject: nginx.image,
        layers: [{ mediaType: TYPES[options.format ?? "jws"], bytes: envelope }],
      }),
    );
  };

  it("refuses an image without a signature, and takes it with one: JWS and COSE", async () => {
    await apply("notary", trusting);
    await eventually(async () => assert.match(await ready("notary"), /^True Compiled/));
    for (const format of ["jws", "cose"] as const) {
      await renew();
      await eventually(async () =>
        assert.match(await tryRun(), /SignatureMissing: .*notary: no notation signature was found.*notation sign/),
      );
      await sign(format);
      await eventually(async () => assert.match(await tryRun(), /^created/));
      await kubectl("delete", "isp", "notary");
      await apply("notary", { ...trusting, identities: [`x509.subject: C=US, ST=WA, O=company.com, CN=${format}`] });
      await eventually(async () =>
        assert.match(await tryRun(), /SignatureUntrusted: .*was made by C=US, ST=WA, O=company\.com, CN=release/),
      );
      await apply("notary", trusting);
    }
    assert.ok(asked > 0, "the responder was asked");
  });

  it("takes changed certificates within seconds, and says so", async () => {
    await sign("jws");
    await apply("changing", trusting);
    await eventually(async () => assert.match(await tryRun(), /^created/));
    const before = await eventually(async () => {
      const { authorities } = await status("changing");
      assert.match(authorities?.[0]?.fingerprints?.[0] ?? "", /^sha256:[0-9a-f]{64}$/);
      return authorities;
    });
    await store(pemOf(await makeRoot(valid())));
    await eventually(async () =>
      assert.match(await tryRun(), /SignatureUntrusted: .*has a certificate of no trusted authority/),
    );
    await eventually(async () => assert.notDeepEqual((await status("changing")).authorities, before));
    await eventually(async () => {
      const { items } = JSON.parse(await kubectl("get", "events", "-n", "default", "-o", "json")) as {
        items: { reason: string; involvedObject: { name: string } }[];
      };
      assert.ok(
        items.some(({ reason, involvedObject }) => reason === "TrustChanged" && involvedObject.name === "changing"),
      );
    });
    await store("garbage");
    await eventually(async () =>
      assert.match(await ready("changing"), /^False CertificateInvalid: .*holds no PEM block/),
    );
    assert.match(await tryRun(), /EvidenceUnavailable: .*the policy's own trust is incomplete: notary: /);
    await store(pemOf(root));
    await eventually(async () => assert.match(await tryRun(), /^created/));
  });

  it("refuses what was revoked, and cannot tell where nobody answers: what onUnavailable says", async () => {
    signOurselves(signer);
    answer = () => undefined;
    await apply("revoked", trusting);
    await eventually(async () =>
      assert.match(await tryRun(), /EvidenceUnavailable: .*could not be told whether it was revoked/),
    );
    await apply("revoked", trusting, { onUnavailable: "warn" });
    await eventually(async () => assert.match(await tryRun(), /^created [^]*EvidenceUnavailable/));
    answer = () =>
      makeAnswer(signer, root, { status: "revoked", thisUpdate: Date.now() - 60_000, nextUpdate: Date.now() + DAY });
    await eventually(async () =>
      assert.match(await tryRun(), /SignatureUntrusted: .*has a certificate that was revoked/),
    );
    await apply("revoked", { ...trusting, revocation: "Skip" });
    await eventually(async () => assert.match(await tryRun(), /^created/));
  });

  it("warns of what permissive only logs", async () => {
    const now = Math.floor(Date.now() / 1000) * 1000;
    signOurselves(signer, { headers: { [SIGNING_TIME]: now - DAY / 2, [EXPIRY]: now - 1000 } });
    await apply("lenient", trusting);
    await eventually(async () => assert.match(await tryRun(), /SignatureUntrusted: .*expired at /));
    await apply("lenient", { ...trusting, level: "permissive" });
    await eventually(async () =>
      assert.match(await tryRun(), /^created [^]*SignatureUntrusted: notary: a signature counts that expired at /),
    );
  });
});
