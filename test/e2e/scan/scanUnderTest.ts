import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { COSIGN_VULN } from "../../../evidence/scan/formats/attestedScan.ts";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../evidence/registry/settings.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { makeArtifact, type Image, type Pushable } from "../../../sandbox/registry/images.ts";
import { addToStore } from "../../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import type { RunningOperator } from "../../../operator/run.ts";
import { cosignVuln, trivyReport, type Found } from "../../unit/evidence/scan/reports.ts";
import { startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { startOperator } from "../operator/operatorUnderTest.ts";

export const REPOSITORY = "registry.company.com/web";
export const CRITICAL: Found = {
  id: "CVE-2021-44228",
  severity: "CRITICAL",
  package: "log4j-core",
  version: "2.14.1",
  fixed: "2.15.0",
  // A package URL holds `=`, which crane takes for CSV.
  purl: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar",
};

/** A cluster, a registry under the company's name, and the operator between them, whose clock can be moved. */
export interface ScanUnderTest {
  readonly cluster: Cluster;
  readonly registry: SandboxRegistry;
  readonly operator: RunningOperator;
  /** Moves the operator's clock ahead, in milliseconds from now. */
  readonly ahead: (by: number) => void;
  /** Puts an image into the registry; gives it as pods name it. */
  readonly serve: (image: Pushable, ...tags: readonly string[]) => string;
  readonly stop: () => Promise<void>;
}

export const startScanUnderTest = async (): Promise<ScanUnderTest> => {
  const cluster = await startOwnCluster();
  await cluster.installCrds();
  const registry = await startRegistry();
  let offset = 0;
  const operator = await startOperator(
    cluster,
    {
      registry: { ...DEFAULT_REGISTRY_SETTINGS, mirrors: new Map([["registry.company.com", registry.url]]) },
      proofs: { ...defaultSettings().proofs, workers: 1 },
    },
    { now: () => Date.now() + offset },
  );
  return {
    cluster,
    registry,
    operator,
    ahead: (by) => (offset = by),
    serve: (image, ...tags) => {
      addToStore(registry.store, "web", image, ...tags);
      return `${REPOSITORY}@${image.digest}`;
    },
    stop: async () => {
      await operator.stop();
      await registry.close();
      await cluster.stop();
    },
  };
};

/** RFC 3339, so many milliseconds before now. */
export const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString();
export const HOUR = 3_600_000;

export const trivyOf = (
  { diffIds }: Pick<Image, "diffIds">,
  found: readonly Found[],
  createdAt: string = ago(HOUR),
): object => trivyReport(found, { diffIds, createdAt });

/** A key that signs attestations as `cosign attest --key` does (legacy form, without a log). */
export class Attester {
  readonly #key: KeyObject;
  readonly pem: string;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    this.pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  envelope(digest: string, predicateType: string, predicate: unknown): Uint8Array {
    const payload = Buffer.from(
      JSON.stringify({
        _type: "https://in-toto.io/Statement/v0.1",
        predicateType,
        subject: [{ name: REPOSITORY, digest: { sha256: digest.slice("sha256:".length) } }],
        predicate,
      }),
    );
    const payloadType = "application/vnd.in-toto+json";
    const encoded = Buffer.concat([
      Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
      payload,
    ]);
    const signature = sign("sha256", encoded, this.#key);
    return Buffer.from(
      JSON.stringify({
        payloadType,
        payload: payload.toString("base64"),
        signatures: [{ keyid: createHash("sha256").update(this.pem).digest("hex"), sig: signature.toString("base64") }],
      }),
    );
  }
}

/** Puts attestations under an image's `.att` tag; what was there is gone. */
export const attach = ({ registry }: ScanUnderTest, digest: string, ...envelopes: readonly Uint8Array[]): void => {
  const artifact = makeArtifact({
    layers: envelopes.map((bytes) => ({
      mediaType: "application/vnd.dsse.envelope.v1+json",
      bytes,
      annotations: { "dev.cosignproject.cosign/signature": "" },
    })),
    config: { mediaType: "application/vnd.oci.image.config.v1+json", bytes: "{}" },
  });
  addToStore(registry.store, "web", artifact, `${digest.replace(":", "-")}.att`);
};

export const scanStatement = (
  by: Attester,
  digest: string,
  report: object,
  finishedOn: string = ago(HOUR),
): Uint8Array => by.envelope(digest, COSIGN_VULN, cosignVuln(report, finishedOn));

/** What trivy-operator installs, as far as the API server needs it. */
export const VULNERABILITY_REPORTS: object = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "vulnerabilityreports.aquasecurity.github.io" },
  spec: {
    group: "aquasecurity.github.io",
    scope: "Namespaced",
    names: { kind: "VulnerabilityReport", plural: "vulnerabilityreports", singular: "vulnerabilityreport" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
