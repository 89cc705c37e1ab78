import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { PolicySpec, ScanSource } from "../../crds/types.ts";
import { createEvidence } from "../../evidence/createEvidence.ts";
import type { Gather } from "../../evidence/provider.ts";
import { DEFAULT_REGISTRY_SETTINGS } from "../../evidence/registry/settings.ts";
import { readScansHere } from "../../evidence/scan/formats/readScans.ts";
import { storedReport, type StoredReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import { createScanProvider } from "../../evidence/scan/scanProvider.ts";
import { makeImage, makeIndex, type Image, type Pushable } from "../../sandbox/registry/images.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../sandbox/registry/server.ts";
import {
  attach,
  BAD,
  blobOf,
  bundle,
  ci,
  OPENVEX,
  PROVENANCE,
  signature,
  VULN,
} from "../security/support/attestedImage.ts";
import { recordMetrics } from "../unit/evidence/registry/support/readers.ts";
import { cosignVuln, trivyReport, vulnerabilityReportObject } from "../unit/evidence/scan/reports.ts";
import { keyHand, publicPem, SIGN, type Hand } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";
import { at, DAY, exception } from "../unit/policy/excepting.ts";
import { NOW, policy } from "../unit/policy/judging.ts";
import { admitted, audited, checked, messages, podOf } from "./threeCallers.ts";

const TESTED = "https://company.com/tested/v1";
const KEY = "trivy.scan.result";
const REPOSITORY = "team/app";
const release: Hand = keyHand();
const stranger: Hand = keyHand();

/** What there is beside a manifest; of an index, beside it and beside each of its platforms. */
const beside = fc.record({
  scan: fc.constantFrom(undefined, undefined, "clean", "bad", "stale", "strange", "broken"),
  provenance: fc.constantFrom(undefined, undefined, "good", "bad", "none"),
  vex: fc.constantFrom(undefined, undefined, "not_affected", "affected"),
  report: fc.constantFrom(undefined, undefined, "clean", "bad"),
} as const);
const part = fc.record({
  beside,
  annotation: fc.constantFrom(undefined, "clean", "bad", "another"),
  base: fc.constantFrom(undefined, "good", "bad"),
} as const);
const recipe = fc.record({
  parts: fc.oneof(fc.tuple(part), fc.tuple(part, part)),
  ofIndex: beside,
  signedBy: fc.subarray(["ci", "release", "stranger"] as const),
  tested: fc.constantFrom(undefined, "passed", "failed"),
  /** What nobody can read of its first part. */
  dark: fc.constantFrom(undefined, undefined, undefined, "scan", "provenance", "vex", "config"),
} as const);
type Beside = ValueOf<typeof beside>;
type Recipe = ValueOf<typeof recipe>;
type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;

const BASES = { good: "docker.io/company/base:1", bad: "docker.io/strangers/base:1" } as const;
const HANDS = { ci, release, stranger } as const;

const reportOf = (image: Pick<Image, "diffIds">, how: string, days = 1): object =>
  trivyReport(how === "bad" ? [BAD] : [], { diffIds: image.diffIds, createdAt: at(NOW - days * DAY) });

/** Puts what a recipe says into the registry, each recipe once; gives the digest. */
const createKitchen = (registry: SandboxRegistry, reports: Map<string, StoredReport[]>) => {
  const made = new Map<string, Promise<string>>();
  const put = (one: Pushable): void => void addToStore(registry.store, REPOSITORY, one);
  const hide = (path: string): void => void registry.misbehave({ when: { path }, as: status(503) });

  const attested = async (about: Pushable, type: string, predicate: object, by: Hand, isDark: boolean) => {
    const artifact = attach(about, type, await bundle(about, type, predicate, by));
    put(artifact);
    if (isDark) hide(blobOf(artifact));
  };

  const putBeside = async (about: Pushable, image: Image, { scan, provenance, vex, report }: Beside, dark?: string) => {
    if (scan !== undefined) {
      const finished = at(NOW - (scan === "stale" ? 60 : 1) * DAY);
      const predicate = scan === "broken" ? {} : cosignVuln(reportOf(image, scan, scan === "stale" ? 60 : 1), finished);
      await attested(about, VULN, predicate, scan === "strange" ? stranger : ci, dark === "scan");
    }
    if (provenance !== undefined) {
      const materials = provenance === "none" ? [] : [{ uri: `docker://${BASES[provenance]}` }];
      const predicate = { buildDefinition: { resolvedDependencies: materials } };
      await attested(about, PROVENANCE, predicate, ci, dark === "provenance");
    }
    if (vex !== undefined) {
      const statement = { vulnerability: { name: BAD.id }, status: vex, impact_statement: "it is not called" };
      await attested(about, OPENVEX, { timestamp: at(NOW - DAY), statements: [statement] }, ci, dark === "vex");
    }
    if (report === undefined) return;
    const found = report === "bad" ? [{ ...BAD, package: "p", version: "1" }] : [];
    const stored = storedReport(vulnerabilityReportObject(found, { digest: about.digest, updated: at(NOW - DAY) }));
    assert.ok(stored !== undefined);
    reports.set(about.digest, [...(reports.get(about.digest) ?? []), stored]);
  };

  const cook = async ({ parts, ofIndex, signedBy, tested, dark }: Recipe, name: string): Promise<string> => {
    const images = parts.map(({ annotation, base }, index) => {
      const options = {
        layers: [{ name: `${name} ${index}` }],
        platform: { os: "linux", architecture: `a${index}` },
        ...(base === undefined ? {} : { labels: { "org.opencontainers.image.base.name": BASES[base] } }),
      };
      const named = annotation === "another" ? makeImage({ layers: [{ name: "x" }] }) : makeImage(options);
      const annotations = annotation === undefined ? {} : { [KEY]: JSON.stringify(reportOf(named, annotation)) };
      const image = makeImage({ ...options, annotations });
      if (dark === "config" && index === 0) hide(image.configDigest);
      return image;
    });
    const [first] = images;
    assert.ok(first !== undefined);
    const judged: Pushable = images.length === 1 ? first : makeIndex(images);
    put(judged);
    for (const [index, image] of images.entries())
      await putBeside(image, image, parts[index]!.beside, index === 0 ? dark : undefined);
    if (judged !== first) await putBeside(judged, first, ofIndex);
    for (const by of signedBy)
      put(by === "ci" ? await signature(judged) : attach(judged, SIGN, await bundle(judged, SIGN, {}, HANDS[by])));
    if (tested !== undefined) await attested(judged, TESTED, { passed: tested === "passed" }, ci, false);
    return judged.digest;
  };

  return async (one: Recipe): Promise<string> => {
    const key = JSON.stringify(one);
    const digest = made.get(key) ?? cook(one, `image ${made.size}`);
    made.set(key, digest);
    return digest;
  };
};

const authorities: PolicySpec["authorities"] = [
  byKey(publicPem(ci), { name: "ci" }),
  byKey(publicPem(release), { name: "release" }),
];
const SOURCES: readonly ScanSource[] = [
  { attestation: { authorities: ["ci"] } },
  { imageAnnotation: { key: KEY } },
  { vulnerabilityReport: { namespaces: ["*"], grace: "0s" } },
  { podAnnotation: { key: KEY } },
];

const rules = fc.record(
  {
    signatures: fc.constantFrom({ authorities: ["ci"] }, { authorities: ["ci", "release"], count: 1 }),
    attestations: fc.constant([
      { predicateType: TESTED, authorities: ["ci"], conditions: [{ expression: "predicate.passed" }] },
    ]),
    scan: fc
      .tuple(fc.shuffledSubarray([...SOURCES], { minLength: 1, maxLength: 2 }), fc.boolean(), fc.boolean())
      .map(([sources, excuses, ages]) => ({
        sources,
        maxVulnerabilities: { critical: 0 },
        ...(excuses ? { vex: { authorities: ["ci"] } } : {}),
        ...(ages ? { maxAge: "30d" } : {}),
      })),
    baseImages: fc.tuple(fc.boolean(), fc.boolean()).map(([required, attested]) => ({
      allow: ["docker.io/company/**"],
      required,
      ...(attested ? { authorities: ["ci"] } : {}),
    })),
    // Nothing that a text says: at admission it spares the registry, and an audit asks all the same.
    digest: fc.constantFrom({ verify: true }, { tagDrift: "Deny" as const }),
  },
  { requiredKeys: [] },
);
const spec: fc.Arbitrary<PolicySpec> = fc
  .tuple(rules, fc.constantFrom("deny" as const, "warn" as const), fc.constantFrom("deny" as const, "warn", "allow"))
  .filter(([parts]) => Object.keys(parts).length > 0)
  .map(([parts, enforcementAction, onUnavailable]) => ({ ...parts, authorities, enforcementAction, onUnavailable }));

const silencing = fc.record({
  policies: fc.constantFrom(["*"], ["p0"]),
  rules: fc.constantFrom(["All" as const], ["scan" as const], ["signatures" as const, "baseImages" as const]),
  match: fc.constantFrom({ namespaces: ["team"] }, { namespaces: ["other"] }),
  expires: fc.constantFrom(at(NOW + DAY), at(NOW - DAY)),
});

const setting = fc.record({
  recipes: fc.oneof({ weight: 3, arbitrary: fc.tuple(recipe) }, { weight: 1, arbitrary: fc.tuple(recipe, recipe) }),
  specs: fc.array(spec, { minLength: 1, maxLength: 2 }),
  silenced: fc.array(silencing, { maxLength: 1 }),
  tag: fc.constantFrom("", "", ":v1"),
  ofPod: fc.constantFrom(undefined, "clean", "bad"),
});

/** Each caller has its own caches; that the others have asked before changes nothing. */
describe("admission, audits and check, over evidence of every kind", function () {
  this.timeout(60_000);
  let registry: SandboxRegistry;
  let cook: ReturnType<typeof createKitchen>;
  let callers: readonly { readonly gather: Gather; readonly close: () => Promise<void> }[];
  before(async () => {
    registry = await startRegistry();
    const reports = new Map<string, StoredReport[]>();
    cook = createKitchen(registry, reports);
    callers = Array.from({ length: 3 }, () => {
      const cosign = evidenceUnderTest({ now: NOW });
      const scans = createScanProvider({
        prove: cosign.proveAttestations,
        reports: (digest) => reports.get(digest) ?? [],
        runs: () => false,
        read: readScansHere,
      });
      return createEvidence({
        // What is dark stays dark: nobody waits to ask again.
        settings: {
          ...DEFAULT_REGISTRY_SETTINGS,
          plainHttp: ["127.0.0.1"],
          limits: { attempts: 1 },
        },
        metrics: recordMetrics(),
        providers: [cosign.provider, scans],
        clock: () => NOW,
        report: (error) => assert.fail(String(error)),
      });
    });
  });
  after(async () => {
    for (const { close } of callers) await close();
    await registry.close();
  });

  it("give the same verdict, the same reasons and the same words", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(setting, async ({ recipes, specs, silenced, tag, ofPod }) => {
        const digests = await Promise.all(recipes.map(cook));
        const images = digests.map((digest) => `${registry.host}/${REPOSITORY}${tag}@${digest}`);
        const annotations =
          ofPod === undefined ? {} : { [KEY]: JSON.stringify(reportOf({ diffIds: ["none"] }, ofPod)) };
        const object = podOf(images, "team", annotations);
        const of = {
          policies: specs.map((one, index) => policy(one, `p${index}`)),
          exceptions: silenced.map((one, index) => exception(one, `e${index}`)),
          namespace: "team",
        };
        for (const { faults } of of.policies) assert.deepEqual(faults, []);
        const [one, two, three] = callers;
        assert.ok(one !== undefined && two !== undefined && three !== undefined);
        const [admission, check, audit] = await Promise.all([
          admitted(object, of, one.gather),
          checked(object, of, two.gather),
          audited(object, of, three.gather, [KEY]),
        ]);
        assert.equal(check.verdict, admission.verdict);
        for (const action of ["deny", "warn", "allow"] as const)
          assert.deepEqual(messages(check.findings, action), messages(admission.findings, action), action);
        // What is let in is no Violation.
        for (const action of ["deny", "warn"] as const)
          assert.deepEqual(messages(audit, action), messages(admission.findings, action), action);
        for (const { reason } of admission.findings) seen.add(reason);
      }),
      { numRuns: 25 },
    );
    assert.ok(seen.size >= 6, `what it is about came up: ${[...seen].join(", ")}`);
  });
});
