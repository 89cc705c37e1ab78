import { sign, type KeyObject } from "node:crypto";
import { dsse } from "@sigstore/core";
import { BUNDLE_TYPE, bundleAnnotations, IN_TOTO, SIGN_PREDICATE } from "../../evidence/sigstore/find/formats.ts";
import { makeArtifact, type Pushable } from "./images.ts";
import { addToStore } from "./push.ts";
import { sampleRegistry, samples } from "./samples.ts";
import type { Store } from "./store.ts";

const PROVENANCE = "https://slsa.dev/provenance/v1";
const SCAN = "https://in-toto.io/attestation/vulns/v0.2";
const BUILDER = "https://ci.company.com/release";

/** What the company's release pipeline did for a sample: nothing of the others. */
const RELEASED: readonly { readonly image: string; readonly found: readonly string[] }[] = [
  { image: "nginx:v1.22", found: [] },
  { image: "team/app:v1", found: ["CVE-2021-44228"] },
  { image: "team/app:v2", found: [] },
];

/**
 * Signs some samples with a key, and attests their provenance and a scan of a moment ago, as cosign 3 keeps all that. The images stay as they
 * are: evidence lies beside them.
 */
export function addSampleEvidence(store: Store, key: KeyObject, now: Date): void {
  for (const { image: name, found } of RELEASED) {
    const sample = samples.find(({ repository, tag }) => `${repository}:${tag}` === name);
    if (sample === undefined) throw new Error(`there is no sample ${name}`);
    const { repository, image } = sample;
    const statements: readonly (readonly [string, object])[] = [
      [SIGN_PREDICATE, {}],
      [PROVENANCE, provenance(repository)],
      [SCAN, scan(found, now)],
    ];
    for (const [predicateType, predicate] of statements)
      addToStore(store, repository, bundle(`${sampleRegistry}/${repository}`, image, predicateType, predicate, key));
  }
}

const provenance = (repository: string): object => ({
  buildDefinition: {
    buildType: `${BUILDER}/v1`,
    externalParameters: { repository: `https://git.company.com/${repository}` },
    internalParameters: {},
    resolvedDependencies: [],
  },
  runDetails: { builder: { id: BUILDER }, metadata: {} },
});

/** https://github.com/in-toto/attestation/blob/main/spec/predicates/vulns_02.md */
const scan = (found: readonly string[], now: Date): object => ({
  scanner: {
    uri: "https://scanner.company.com",
    version: "1",
    db: {},
    result: found.map((id) => ({ id, severity: [{ method: "CVSS_V31", score: "10.0" }], annotations: [] })),
  },
  metadata: { scanStartedOn: now.toISOString(), scanFinishedOn: now.toISOString() },
});

function bundle(name: string, image: Pushable, predicateType: string, predicate: object, key: KeyObject): Pushable {
  const [algorithm = "", hex = ""] = image.digest.split(":");
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name, digest: { [algorithm]: hex } }],
    predicateType,
    predicate,
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const json = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: {
      publicKey: { hint: "" },
      tlogEntries: [],
      timestampVerificationData: { rfc3161Timestamps: [] },
    },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType: IN_TOTO,
      signatures: [{ sig: sign("sha256", dsse.preAuthEncoding(IN_TOTO, payload), key).toString("base64") }],
    },
  };
  return makeArtifact({
    artifactType: BUNDLE_TYPE,
    subject: image,
    layers: [{ mediaType: BUNDLE_TYPE, bytes: JSON.stringify(json) }],
    annotations: bundleAnnotations(predicateType),
  });
}
