import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import type { ImageSecurityPolicy } from "../../../crds/types.ts";
import { makeArtifact, makeImage, type Image } from "../../../sandbox/registry/images.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import {
  SIGN,
  sigstoreInstance,
  statementOf,
  type CertificateOptions,
  type SigstoreInstance,
} from "../../unit/evidence/sigstore/sigstoreInstance.ts";
import { run } from "../registry-tools/tools.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const REPOSITORY = "image-security/image-security";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PROVENANCE = "https://slsa.dev/provenance/v1";

/** The identity that Fulcio gives the release workflow at a reference. */
const workflow = (ref: string, file = "release"): CertificateOptions => ({
  issuer: "https://token.actions.githubusercontent.com",
  subject: `https://github.com/${REPOSITORY}/.github/workflows/${file}.yml@${ref}`,
  claims: { runnerEnvironment: "github-hosted" },
});
const RELEASE = workflow("refs/tags/v0.1.0");
const SELF_HOSTED = { ...RELEASE, claims: { runnerEnvironment: "self-hosted" } };

type Statement = readonly [type: string, predicate: object, by: CertificateOptions];

/** What actions/attest says of how an image was built. */
const provenance = (ref: string, repository = REPOSITORY): object => ({
  buildDefinition: {
    buildType: "https://actions.github.io/buildtypes/workflow/v1",
    externalParameters: {
      workflow: { ref, repository: `https://github.com/${repository}`, path: ".github/workflows/release.yml" },
    },
  },
  runDetails: { builder: { id: `https://github.com/${REPOSITORY}/.github/workflows/release.yml@${ref}` } },
});

describe("the sample policy for the operator's own image", function () {
  this.timeout(60_000);
  let registry: SandboxRegistry;
  let sigstore: SigstoreInstance;
  let folder: string;
  let count = 0;

  before(async () => {
    [registry, sigstore] = await Promise.all([startRegistry({}), sigstoreInstance()]);
    folder = await mkdtemp(join(tmpdir(), "itself-"));
    const policy = parse(await readFile(join(root, "config/samples/itself.yaml"), "utf8")) as ImageSecurityPolicy;
    const [release] = policy.spec.authorities ?? [];
    // The one thing that a test cannot have: the root of the public Sigstore.
    const authorities = [{ ...release!, trustRoot: { inline: sigstore.trustedRoot } }];
    await writeFile(
      join(folder, "policy.yaml"),
      stringify({ ...policy, spec: { ...policy.spec, authorities } }, { aliasDuplicateObjects: false }),
    );
  });
  after(async () => {
    await registry.close();
    await rm(folder, { recursive: true });
  });

  /** An image in the operator's repository with these statements beside it, each signed under a certificate. */
  const released = async (...statements: readonly Statement[]): Promise<Image> => {
    const image = makeImage({ layers: [{ "app/main.ts": `// ${++count}` }] });
    addToStore(registry.store, REPOSITORY, image);
    for (const [type, predicate, by] of statements) {
      const bundle = await sigstore.bundle(await sigstore.issue(by), statementOf(image.digest, type, predicate));
      addToStore(
        registry.store,
        REPOSITORY,
        makeArtifact({
          artifactType: BUNDLE,
          subject: image,
          layers: [{ mediaType: BUNDLE, bytes: JSON.stringify(bundle) }],
        }),
      );
    }
    return image;
  };

  /** What `check` says of a pod with each of these images in the operator's namespace: its reasons, nothing where it passes. */
  const refusals = async (images: readonly string[]): Promise<readonly string[]> => {
    const pods = images.map((image, place) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `operator-${place}`, namespace: "image-security-system" },
      spec: { containers: [{ name: "operator", image }] },
    }));
    await writeFile(join(folder, "pods.yaml"), pods.map((one) => stringify(one)).join("---\n"));
    const mirror = `--registry-mirror=ghcr.io=${registry.url}`;
    const { stdout, stderr } = await run(
      process.execPath,
      [join(root, "cli/main.ts"), "check", "pods.yaml", "--policy=policy.yaml", mirror, "--output=json"],
      { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder }, input: "" },
    );
    const { objects } = JSON.parse(stdout) as { objects: { findings: { reason: string }[] }[] };
    assert.equal(objects.length, images.length, stderr);
    return objects.map(({ findings }) => [...new Set(findings.map(({ reason }) => reason))].toSorted().join(" "));
  };
  const own = (image: Image): string => `ghcr.io/${REPOSITORY}@${image.digest}`;

  it("admits what the release workflow signed and attested, and nothing else", async () => {
    const signed: Statement = [SIGN, {}, RELEASE];
    const built: Statement = [PROVENANCE, provenance("refs/tags/v0.1.0"), RELEASE];
    const by = (certificate: CertificateOptions): Statement => [SIGN, {}, certificate];
    const how = (predicate: object): Statement => [PROVENANCE, predicate, RELEASE];
    const good = await released(signed, built);
    const cases: readonly (readonly [what: string, image: string, reasons: string])[] = [
      ["a release", own(good), ""],
      ["unsigned", own(await released()), "AttestationMissing SignatureMissing"],
      ["without provenance", own(await released(signed)), "AttestationMissing"],
      ["of a branch", own(await released(by(workflow("refs/heads/main")), built)), "SignatureUntrusted"],
      ["of another workflow", own(await released(by(workflow("refs/tags/v0.1.0", "ci")), built)), "SignatureUntrusted"],
      ["of somebody's own runner", own(await released(by(SELF_HOSTED), built)), "SignatureUntrusted"],
      ["built from a branch", own(await released(signed, how(provenance("refs/heads/main")))), "AttestationRejected"],
      [
        "built from a fork",
        own(await released(signed, how(provenance("refs/tags/v1", "m/fork")))),
        "AttestationRejected",
      ],
      ["another repository", own(good).replace(REPOSITORY, "image-security/other"), "RegistryNotAllowed"],
      ["another registry", own(good).replace("ghcr.io", "docker.io"), "RegistryNotAllowed"],
      ["by a tag", `ghcr.io/${REPOSITORY}:0.1.0`, "DigestRequired TagNotPinned"],
    ];
    const found = await refusals(cases.map(([, image]) => image));
    assert.deepEqual(
      cases.map(([what], place) => [what, found[place]]),
      cases.map(([what, , reasons]) => [what, reasons]),
    );
  });
});
