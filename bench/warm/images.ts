import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { makeArtifact, makeImage, type Pushable } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import type { SandboxRegistry } from "../../sandbox/registry/server.ts";

/** An image with what every layer wants to see, and what is attached to it. */
interface ProvedImage {
  readonly image: Pushable;
  readonly signature: Pushable;
  /** Tag of the signature in cosign's scheme. */
  readonly signatureTag: string;
  readonly attestation: Pushable;
  readonly attestationTag: string;
}

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** PEM of the key that signed everything here. */
export const publicKey: string = keys.publicKey.export({ type: "spki", format: "pem" }).toString();

const signed = (bytes: Uint8Array): string => sign("sha256", bytes, keys.privateKey).toString("base64");

/** Puts a scanned, signed and attested image into a registry that stands for `host`; how a pod writes it. */
export const pushProved = ({ store }: SandboxRegistry, name: string, host: string = "registry.company.com"): string => {
  const { image, signature, signatureTag, attestation, attestationTag } = provedImage(name, new Date());
  addToStore(store, name, image);
  addToStore(store, name, signature, signatureTag);
  addToStore(store, name, attestation, attestationTag);
  return `${host}/${name}@${image.digest}`;
};

/** A scanned, signed and attested image, as Trivy and cosign 2 would leave it. */
const provedImage = (name: string, scannedAt: Date): ProvedImage => {
  const layers = [{ "etc/name": `${name}\n` }];
  const { diffIds } = makeImage({ layers });
  const report = {
    SchemaVersion: 2,
    CreatedAt: scannedAt.toISOString(),
    ArtifactName: name,
    Metadata: { DiffIDs: diffIds },
    Results: [{ Target: name, Class: "os-pkgs", Vulnerabilities: vulnerabilities }],
  };
  const image = makeImage({ layers, annotations: { "trivy.scan.result": JSON.stringify(report) } });
  const tag = image.digest.replace(":", "-");
  return {
    image,
    signature: signature(image.digest),
    signatureTag: `${tag}.sig`,
    attestation: attestation(name, image.digest),
    attestationTag: `${tag}.att`,
  };
};

const vulnerabilities = Array.from({ length: 20 }, (_, index) => ({
  VulnerabilityID: `CVE-2026-${1_000 + index}`,
  PkgName: `package-${index}`,
  InstalledVersion: "1.0",
  Severity: "LOW",
}));

const signature = (digest: string): Pushable => {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "registry.company.com/app" },
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
      optional: null,
    }),
  );
  return makeArtifact({
    config: { mediaType: "application/vnd.oci.image.config.v1+json", bytes: "{}" },
    layers: [
      {
        mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
        bytes: payload,
        annotations: { "dev.cosignproject.cosign/signature": signed(payload) },
      },
    ],
  });
};

const PREDICATE = "https://slsa.dev/provenance/v1";
const PAYLOAD = "application/vnd.in-toto+json";

const attestation = (name: string, digest: string): Pushable => {
  const statement = Buffer.from(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name, digest: { sha256: digest.slice("sha256:".length) } }],
      predicateType: PREDICATE,
      predicate: { runDetails: { builder: { id: "https://ci.company.com" } } },
    }),
  );
  // DSSE's pre-authentication encoding.
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD.length} ${PAYLOAD} ${statement.length} `), statement]);
  const envelope = {
    payloadType: PAYLOAD,
    payload: statement.toString("base64"),
    signatures: [{ sig: signed(encoded) }],
  };
  return makeArtifact({
    config: { mediaType: "application/vnd.oci.image.config.v1+json", bytes: "{}" },
    layers: [
      {
        mediaType: "application/vnd.dsse.envelope.v1+json",
        bytes: JSON.stringify(envelope),
        annotations: { "dev.cosignproject.cosign/signature": "", predicateType: PREDICATE },
      },
    ],
  });
};

/** A number that differs between runs is no use in a benchmark: names are hashed to look like real ones. */
export const hashed = (text: string, length: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, length);
