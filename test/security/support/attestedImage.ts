import type { PolicySpec } from "../../../crds/types.ts";
import { createScanProvider } from "../../../evidence/scan/scanProvider.ts";
import { readScansHere } from "../../../evidence/scan/formats/readScans.ts";
import type { RegistrySettings } from "../../../evidence/registry/settings.ts";
import {
  makeArtifact,
  makeImage,
  makeRawManifest,
  type Image,
  type Pushable,
} from "../../../sandbox/registry/images.ts";
import { push } from "../../../sandbox/registry/push.ts";
import { startRegistry, type RegistryOptions, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { engine, pod, policy, type Engine } from "../../unit/evidence/registry/support/judging.ts";
import { cosignVuln, trivyReport } from "../../unit/evidence/scan/reports.ts";
import {
  keyHand,
  publicPem,
  SIGN,
  sigstoreInstance,
  statementOf,
  type Hand,
} from "../../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../../unit/evidence/sigstore/underTest.ts";

export const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";
export const OPENVEX = "https://openvex.dev/ns/v0.2.0";
export const PROVENANCE = "https://slsa.dev/provenance/v1";
export const BAD = { id: "CVE-2021-44228", severity: "CRITICAL" };

/** Days before and after the clock of the tests. */
export const at = (days: number): string => new Date(1_700_000_000_000 + days * 86_400_000).toISOString();

export const ci: Hand = keyHand();
const authorities = [byKey(publicPem(ci), { name: "ci" })];

export const scanned: PolicySpec = {
  authorities,
  scan: { sources: [{ attestation: { authorities: ["ci"] } }], maxVulnerabilities: { critical: 0 } },
};
export const signed: PolicySpec = { authorities, signatures: { authorities: ["ci"] } };
export const excused: PolicySpec = {
  authorities,
  scan: { sources: [{ imageAnnotation: {} }], maxVulnerabilities: { critical: 0 }, vex: { authorities: ["ci"] } },
};
export const based: PolicySpec = {
  authorities,
  baseImages: { allow: ["docker.io/company/**"], authorities: ["ci"] },
};

/** A manifest that attaches a bundle to an image, as cosign 3 writes it; `more` is whatever its pusher says otherwise. */
export const attach = (
  image: Pushable,
  type: string,
  bytes: Uint8Array | string,
  more: { readonly created?: string; readonly hint?: string | null; readonly artifactType?: string } = {},
): Pushable => {
  const { created = at(-1), hint = type, artifactType = BUNDLE } = more;
  return makeArtifact({
    artifactType,
    subject: image,
    layers: [{ mediaType: BUNDLE, bytes }],
    annotations: {
      "org.opencontainers.image.created": created,
      ...(hint === null ? {} : { "dev.sigstore.bundle.predicateType": hint }),
    },
  });
};

/** The bytes of a bundle that this hand signed about an image. */
export const bundle = async (image: Pushable, type: string, predicate: object, by: Hand = ci): Promise<string> =>
  JSON.stringify(
    await (await sigstoreInstance()).bundle(by, statementOf(image.digest, type, predicate), { log: "none" }),
  );

/** A report of these vulnerabilities about an image, `days` from now. */
export const scan = (image: Image, found: readonly (typeof BAD)[], days: number): object =>
  cosignVuln(trivyReport(found, { diffIds: image.diffIds, createdAt: at(days) }), at(days));

export const attestScan = async (image: Image, found: readonly (typeof BAD)[], days: number): Promise<Pushable> =>
  attach(image, VULN, await bundle(image, VULN, scan(image, found, days)), { created: at(days) });

export const signature = async (image: Pushable): Promise<Pushable> =>
  attach(image, SIGN, await bundle(image, SIGN, {}));

/** An image that says of itself what its pusher likes. */
export const annotatedImage = (found: readonly (typeof BAD)[]): Image => {
  const options = { layers: [{ name: "annotated" }] };
  const { diffIds } = makeImage(options);
  const report = trivyReport(found, { diffIds, createdAt: at(-3) });
  return makeImage({ ...options, annotations: { "trivy.scan.result": JSON.stringify(report) } });
};

export const plainImage = (name: string): Image => makeImage({ layers: [{ name }] });

/** The same artifact with a manifest in which something is said otherwise; pushed by somebody without a key. */
export const twin = (artifact: Pushable, change: (manifest: Twin) => void): Pushable => {
  // It is JSON that `makeArtifact` wrote.
  const manifest = JSON.parse(Buffer.from(artifact.bytes).toString()) as Twin;
  change(manifest);
  return makeRawManifest(OCI_MANIFEST, manifest);
};

export interface Twin {
  artifactType: string;
  layers: { mediaType: string; digest: string; size: number; annotations?: Record<string, string> }[];
  annotations: Record<string, string>;
}

/** A registry over HTTP, and the whole engine over it. */
export class Scene {
  readonly registry: SandboxRegistry;
  readonly engine: Engine;
  readonly #repository: string;

  private constructor(registry: SandboxRegistry, built: Engine, repository: string) {
    this.registry = registry;
    this.engine = built;
    this.#repository = repository;
  }

  static async start(
    options: RegistryOptions = {},
    settings: Partial<RegistrySettings> = {},
    repository = "team/app",
  ): Promise<Scene> {
    const registry = await startRegistry(options);
    const clock = { now: 1_700_000_000_000 };
    const evidence = evidenceUnderTest(clock);
    const built = engine(settings, {
      providers: [
        evidence.provider,
        createScanProvider({
          prove: evidence.proveAttestations,
          reports: () => [],
          runs: () => false,
          read: readScansHere,
        }),
      ],
    });
    const tick = (milliseconds: number): void => {
      clock.now += milliseconds;
      built.tick(milliseconds);
    };
    return new Scene(registry, { ...built, tick }, repository);
  }

  async push(...artifacts: readonly Pushable[]): Promise<void> {
    for (const one of artifacts) await push(this.registry.url, this.#repository, one);
  }

  /** Whoever can push can write the fallback tag: what the registry lists of a digest, or anything else. */
  pushFallback(image: Pushable, manifests: readonly object[]): void {
    const { mediaType, bytes } = makeRawManifest(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    // Over HTTP this registry, like others, wants to have what an index lists.
    this.registry.store.putManifest(this.#repository, { mediaType, bytes }, image.digest.replace(":", "-"));
  }

  async pushTag(image: Pushable, suffix: "att" | "sig", layers: readonly object[]): Promise<void> {
    const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: EMPTY.digest, size: EMPTY.bytes.length };
    const manifest = makeRawManifest(OCI_MANIFEST, { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
    await push(this.registry.url, this.#repository, manifest, { tag: `${image.digest.replace(":", "-")}.${suffix}` });
  }

  reference(image: Pushable): string {
    return `${this.registry.host}/${this.#repository}@${image.digest}`;
  }

  async say(spec: PolicySpec, image: Pushable, lookAgain?: string): Promise<string> {
    const { verdict, findings } = await this.engine.judge(
      [lookAgain === undefined ? policy(spec) : { ...policy(spec), lookAgain }],
      pod(this.reference(image)),
    );
    return [verdict, ...findings.map(({ reason }) => reason)].join(" ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]();
    await this.registry.close();
  }
}

/** A bundle's manifest as a list describes it. */
export const descriptorOf = (artifact: Pushable): object => ({
  mediaType: OCI_MANIFEST,
  artifactType: BUNDLE,
  digest: artifact.digest,
  size: artifact.bytes.length,
});

/** The digest of an artifact's one blob. */
export const blobOf = (artifact: Pushable): string => artifact.blobs.at(-1)!.digest;

const EMPTY = {
  bytes: Buffer.from("{}"),
  digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
};
