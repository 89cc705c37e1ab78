import assert from "node:assert/strict";
import type { PolicySpec } from "../../crds/types.ts";
import type { Reason } from "../../policy/finding/finding.ts";
import { linesOf } from "../../policy/finding/lines.ts";
import { shortDigests } from "../../policy/finding/message.ts";
import { REASONS } from "../../policy/finding/reasons.ts";
import { makeImage, type Pushable } from "../../sandbox/registry/images.ts";
import { otherBytes, status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { pod, policy } from "./evidence/registry/support/judging.ts";
import { trivyReport } from "./evidence/scan/reports.ts";
import { keyHand, publicPem, SIGN } from "./evidence/sigstore/sigstoreInstance.ts";
import { byKey } from "./evidence/sigstore/underTest.ts";
import {
  at,
  attach,
  bundle,
  ci,
  plainImage,
  PROVENANCE,
  Scene,
  signature,
  signed,
} from "../security/support/attestedImage.ts";

const REGISTRY = "registry.company.com";
const REPOSITORY = "team/app";
const app = plainImage("app");
const newer = plainImage("newer");
const LOG4SHELL = {
  id: "CVE-2021-44228",
  severity: "CRITICAL",
  package: "log4j-core",
  version: "2.14.1",
  fixed: "2.15.0",
};
const MILD = { id: "CVE-2024-2511", severity: "HIGH", package: "libssl3", version: "3.0.1", fixed: "3.0.2" };

interface Met {
  readonly spec: PolicySpec;
  /** As the Pod writes it. */
  readonly image: string;
}

/** An image whose manifest has the report of a scan, or another text in its place. */
const scanned = (report: object | string): Pushable =>
  makeImage({
    layers: [{ name: "app" }],
    annotations: { "trivy.scan.result": typeof report === "string" ? report : JSON.stringify(report) },
  });
const scanOf = (found: Parameters<typeof trivyReport>[0], image = app, days = -1): object =>
  trivyReport(found, { diffIds: image.diffIds, createdAt: at(days) });
const builtOn = (base: string): Pushable =>
  makeImage({ layers: [{ name: "app" }], annotations: { "org.opencontainers.image.base.name": base } });
const provenance = { runDetails: { builder: { id: "https://ci.company.com/try" } } };
const attested: PolicySpec = {
  authorities: [byKey(publicPem(ci), { name: "ci" })],
  attestations: [
    {
      predicateType: PROVENANCE,
      authorities: ["ci"],
      conditions: [
        {
          expression: 'predicate.runDetails.builder.id == "https://ci.company.com/release"',
          message: "not built by the release pipeline",
        },
      ],
    },
  ],
};

/** How somebody comes to meet each reason; the registry has what is put into it here. */
const CASES: Readonly<Record<Reason, (scene: Scene) => Met | Promise<Met>>> = {
  ImageMalformed: () => ({ spec: { digest: {} }, image: `${REGISTRY}/Team/App:v1` }),
  RegistryNotAllowed: () => ({ spec: { registries: { allow: [REGISTRY] } }, image: "nginx:1.21" }),
  RegistryDenied: () => ({
    spec: { registries: { allow: [REGISTRY], deny: ["quay.io"] } },
    image: "quay.io/company/web:v1",
  }),
  LookalikeRegistry: () => ({
    spec: { registries: { allow: [REGISTRY] } },
    image: "registry.cornpany.com/team/app:v1",
  }),
  DigestRequired: () => ({ spec: { digest: {} }, image: "nginx:1.21" }),
  DigestMalformed: () => ({ spec: { digest: {} }, image: `${REGISTRY}/team/app@sha256:0accfd25` }),
  TagForbidden: (scene) => ({ spec: { digest: { allowTag: false } }, image: tagged(scene, "v1", app) }),
  DigestNotFound: (scene) => ({ spec: { digest: { verify: true } }, image: scene.reference(plainImage("nowhere")) }),
  DigestMismatch: (scene) => {
    const image = plainImage("mismatch");
    put(scene, image);
    scene.registry.misbehave({ when: { kind: "manifest", path: image.digest }, as: otherBytes(newer.bytes) });
    return { spec: { digest: { verify: true } }, image: scene.reference(image) };
  },
  TagDrift: (scene) => {
    put(scene, newer, "v1");
    return { spec: { digest: { tagDrift: "Deny" } }, image: tagged(scene, "v1", app) };
  },
  TagNotPinned: (scene) => ({ spec: signed, image: `${scene.registry.host}/${REPOSITORY}:v1` }),
  ScanMissing: (scene) => scan(scene, app, {}),
  ScanInvalid: (scene) => scan(scene, scanned("no JSON"), {}),
  ScanMismatch: (scene) => scan(scene, scanned(scanOf([], newer)), {}),
  ScanStale: (scene) => scan(scene, scanned(scanOf([], app, -30)), { maxAge: "24h" }),
  ScanVulnerable: (scene) => scan(scene, scanned(scanOf([LOG4SHELL])), { maxVulnerabilities: { critical: 0 } }),
  ScanScoreLow: (scene) => scan(scene, scanned(scanOf([LOG4SHELL, MILD])), { minScore: 80 }),
  SignatureMissing: (scene) => signing(scene, plainImage("unsigned")),
  SignatureInvalid: async (scene) => {
    const image = plainImage("copied");
    const copied = attach(image, SIGN, await bundle(app, SIGN, {}));
    return signing(scene, image, copied);
  },
  SignatureUntrusted: async (scene) => {
    const image = plainImage("stranger");
    return signing(scene, image, attach(image, SIGN, await bundle(image, SIGN, {}, keyHand())));
  },
  TransparencyMissing: async (scene) => {
    const image = plainImage("unlogged");
    const { spec, ...met } = signing(scene, image, await signature(image));
    const logged = byKey(publicPem(ci), { name: "ci", transparencyLog: "Required" });
    return { ...met, spec: { ...spec, authorities: [logged] } };
  },
  AttestationMissing: (scene) => attesting(scene, plainImage("unattested")),
  AttestationInvalid: async (scene) => {
    const image = plainImage("copied attestation");
    return attesting(scene, image, attach(image, PROVENANCE, await bundle(app, PROVENANCE, provenance)));
  },
  AttestationUntrusted: async (scene) => {
    const image = plainImage("stranger's attestation");
    const stranger = await bundle(image, PROVENANCE, provenance, keyHand());
    return attesting(scene, image, attach(image, PROVENANCE, stranger));
  },
  AttestationRejected: async (scene) => {
    const image = plainImage("tried");
    return attesting(scene, image, attach(image, PROVENANCE, await bundle(image, PROVENANCE, provenance)));
  },
  BaseImageUnknown: (scene) => basing(scene, plainImage("baseless")),
  BaseImageNotAllowed: (scene) => basing(scene, builtOn("docker.io/library/debian:12")),
  BaseImageDeprecated: (scene) => basing(scene, builtOn(`${REGISTRY}/base/debian:10`)),
  EvidenceUnavailable: (scene) => {
    const image = plainImage("unreachable");
    scene.registry.misbehave({ when: { path: image.digest }, as: status(503) });
    return { spec: { digest: { verify: true } }, image: scene.reference(image) };
  },
};

const put = (scene: Scene, image: Pushable, ...tags: readonly string[]): void =>
  void addToStore(scene.registry.store, REPOSITORY, image, ...tags);
const tagged = (scene: Scene, tag: string, { digest }: Pushable): string =>
  `${scene.registry.host}/${REPOSITORY}:${tag}@${digest}`;

const scan = (scene: Scene, image: Pushable, spec: NonNullable<PolicySpec["scan"]>): Met => {
  put(scene, image);
  return { spec: { scan: spec }, image: scene.reference(image) };
};
const signing = (scene: Scene, ...[image, ...beside]: readonly [Pushable, ...Pushable[]]): Met => {
  for (const one of [image, ...beside]) put(scene, one);
  return { spec: signed, image: scene.reference(image) };
};
const attesting = (...of: Parameters<typeof signing>): Met => ({ ...signing(...of), spec: attested });
const basing = (scene: Scene, image: Pushable): Met => ({
  ...signing(scene, image),
  spec: {
    baseImages: {
      allow: [`${REGISTRY}/base/**`],
      deprecated: [{ image: `${REGISTRY}/base/debian:10`, replacement: `${REGISTRY}/base/debian:12` }],
      required: true,
    },
  },
});

describe("the example of a reason", function () {
  this.timeout(30_000);
  let scene: Scene;
  before(async () => {
    scene = await Scene.start();
    put(scene, app, "v1");
  });
  after(async () => scene[Symbol.asyncDispose]());

  for (const [reason, meet] of Object.entries(CASES))
    it(`is what somebody reads who meets ${reason}`, async () => {
      const { spec, image } = await meet(scene);
      const { findings } = await scene.engine.judge([policy(spec, "production")], pod(image));
      // The registry stands for the one that the examples name.
      const read = linesOf(findings).map(({ text }) => shortDigests(text.replaceAll(scene.registry.host, REGISTRY)));
      // A row of the table of reasons is one of its keys.
      assert.deepEqual(read, [REASONS[reason as Reason].example]);
    });
});
