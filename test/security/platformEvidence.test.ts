import assert from "node:assert/strict";
import type { PolicySpec } from "../../crds/types.ts";
import { makeImage, makeIndex, type Image, type Pushable } from "../../sandbox/registry/images.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { stall } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { trivyReport } from "../unit/evidence/scan/reports.ts";
import {
  at,
  attach,
  attestScan,
  BAD,
  based,
  blobOf,
  bundle,
  excused,
  OPENVEX,
  PROVENANCE,
  scanned,
  Scene,
} from "./support/attestedImage.ts";

type Platform = NonNullable<NonNullable<Parameters<typeof makeImage>[0]>["platform"]>;

/** A platform whose own annotation reports a vulnerability, or whatever it is told. */
function platform(name: string, of: Platform, found: readonly (typeof BAD)[] = [BAD]): Image {
  const options = { layers: [{ name }], platform: of };
  const { diffIds } = makeImage(options);
  const report = trivyReport(found, { diffIds, createdAt: at(-3) });
  return makeImage({ ...options, annotations: { "trivy.scan.result": JSON.stringify(report) } });
}

const AMD64 = { os: "linux", architecture: "amd64" };
const ARM64 = { os: "linux", architecture: "arm64" };
const UNKNOWN = { os: "unknown", architecture: "unknown" };

const vex = async (about: Pushable, state = "not_affected", days = -2, product?: string): Promise<Pushable> => {
  const statement = {
    vulnerability: { name: BAD.id },
    status: state,
    ...(state === "not_affected" ? { justification: "vulnerable_code_not_present" } : {}),
    ...(product === undefined ? {} : { products: [{ "@id": product }] }),
  };
  return attach(about, OPENVEX, await bundle(about, OPENVEX, { timestamp: at(days), statements: [statement] }));
};

const provenance = async (about: Pushable, ...bases: readonly string[]): Promise<Pushable> =>
  attach(
    about,
    PROVENANCE,
    await bundle(about, PROVENANCE, {
      buildDefinition: { resolvedDependencies: bases.map((base) => ({ uri: `docker://docker.io/${base}` })) },
    }),
  );

const DENIED = "deny ScanVulnerable";
const BOTH = `${DENIED} ScanVulnerable`;

describe("OpenVEX of the platforms of an index", function () {
  this.timeout(60_000);
  const [amd, arm] = [platform("amd", AMD64), platform("arm", ARM64)];
  const attestations = makeImage({ layers: [{ name: "build attestation" }], platform: UNKNOWN });
  const index = makeIndex([amd, arm, attestations]);

  const rows: readonly (readonly [why: string, artifacts: () => Promise<readonly Pushable[]>, expected: string])[] = [
    ["nothing is said", async () => [], BOTH],
    ["of each platform", async () => [await vex(amd), await vex(arm)], "allow"],
    ["of one platform: the other's counts", async () => [await vex(amd)], DENIED],
    ["of the other platform: the first's counts", async () => [await vex(arm)], DENIED],
    ["of the index", async () => [await vex(index)], "allow"],
    [
      "of the index, and a platform takes it back",
      async () => [await vex(index), await vex(arm, "affected", -1)],
      DENIED,
    ],
    [
      "of each platform, and the index takes it back",
      async () => [await vex(amd), await vex(arm), await vex(index, "affected", -1)],
      BOTH,
    ],
    [
      "of each platform, after the index was affected",
      async () => [await vex(amd), await vex(arm), await vex(index, "affected", -3)],
      "allow",
    ],
    [
      "of the index, one product for each platform",
      async () => [
        await vex(index, "not_affected", -2, `pkg:oci/app@${encodeURIComponent(amd.digest)}`),
        await vex(index, "not_affected", -2, `pkg:oci/app@${encodeURIComponent(arm.digest)}`),
      ],
      "allow",
    ],
    [
      "of the index, with one platform as its product",
      async () => [await vex(index, "not_affected", -2, `pkg:oci/app@${encodeURIComponent(amd.digest)}`)],
      DENIED,
    ],
    [
      "of one platform, with the other as its product",
      async () => [await vex(amd), await vex(amd, "not_affected", -2, `pkg:oci/app@${encodeURIComponent(arm.digest)}`)],
      DENIED,
    ],
    ["of what no node runs", async () => [await vex(attestations)], BOTH],
  ];
  for (const [why, artifacts, expected] of rows) {
    it(`${why}: ${expected}`, async () => {
      await using scene = await Scene.start();
      await scene.push(index, ...(await artifacts()));
      assert.equal(await scene.say(excused, index), expected);
    });
  }

  it("two platforms of one name stay two", async () => {
    const [first, second] = [platform("first", AMD64), platform("second", AMD64)];
    const both = makeIndex([first, second]);
    await using scene = await Scene.start();
    await scene.push(both, await vex(first));
    assert.equal(await scene.say(excused, both), DENIED);
    await scene.push(await vex(second));
    scene.engine.tick(60_000);
    assert.equal(await scene.say(excused, both), "allow");
  });

  it("what is said of one platform excuses nothing in a report about the index", async () => {
    const spec: PolicySpec = { ...scanned, scan: { ...scanned.scan, vex: { authorities: ["ci"] } } };
    const plain = [
      makeImage({ layers: [{ name: "a" }], platform: AMD64 }),
      makeImage({ layers: [{ name: "b" }], platform: ARM64 }),
    ];
    const of = makeIndex(plain);
    await using scene = await Scene.start();
    const first = plain[0];
    assert.ok(first !== undefined);
    await scene.push(
      of,
      await attestScan({ ...first, digest: of.digest }, [BAD], -1),
      ...(await Promise.all(plain.map((one) => vex(one)))),
    );
    assert.equal(await scene.say(spec, of), DENIED);
    await scene.push(await vex(of));
    scene.engine.tick(60_000);
    assert.equal(await scene.say(spec, of), "allow");
  });

  it("where a platform's cannot be used, nothing is taken off that platform, whatever the index says", async () => {
    const broken = await vex(arm, "affected", -1);
    await using scene = await Scene.start();
    await scene.push(index, await vex(index), broken);
    scene.registry.misbehave({ when: { path: blobOf(broken) }, as: status(404) });
    assert.equal(await scene.say(excused, index), DENIED);
  });
});

describe("provenance of the platforms of an index", function () {
  this.timeout(60_000);
  const [amd, arm] = [
    makeImage({ layers: [{ name: "amd" }], platform: AMD64 }),
    makeImage({ layers: [{ name: "arm" }], platform: ARM64 }),
  ];
  const index = makeIndex([amd, arm, makeImage({ layers: [{ name: "build attestation" }], platform: UNKNOWN })]);
  const required: PolicySpec = { ...based, baseImages: { ...based.baseImages, required: true } };
  const [good, bad] = ["company/base:1", "strangers/base:1"];

  const rows: readonly (readonly [why: string, artifacts: () => Promise<readonly Pushable[]>, expected: string])[] = [
    ["none", async () => [], "deny BaseImageUnknown"],
    ["of the index", async () => [await provenance(index, good)], "allow"],
    [
      "of the index, which names no image, and of none of them",
      async () => [await provenance(index)],
      "deny BaseImageUnknown",
    ],
    [
      "of the index, which names no image, and of each of them",
      async () => [await provenance(index), await provenance(amd, good), await provenance(arm, good)],
      "allow",
    ],
    ["of each", async () => [await provenance(amd, good), await provenance(arm, good)], "allow"],
    ["of one of them", async () => [await provenance(amd, good)], "deny BaseImageUnknown"],
    [
      "of one of them, and the other's names no image",
      async () => [await provenance(amd, good), await provenance(arm)],
      "deny BaseImageUnknown",
    ],
    [
      "of each, and one is built on another base",
      async () => [await provenance(amd, good), await provenance(arm, bad)],
      "deny BaseImageNotAllowed",
    ],
  ];
  for (const [why, artifacts, expected] of rows) {
    it(`${why}: ${expected}`, async () => {
      await using scene = await Scene.start();
      await scene.push(index, ...(await artifacts()));
      assert.equal(await scene.say(required, index), expected);
    });
  }

  it("not required: what there is is judged all the same", async () => {
    await using scene = await Scene.start();
    await scene.push(index, await provenance(arm, bad));
    assert.equal(await scene.say(based, index), "deny BaseImageNotAllowed");
  });

  it("what is gone of one platform is no pass, and an outage is one", async () => {
    const gone = await provenance(arm, bad);
    await using scene = await Scene.start();
    await scene.push(index, await provenance(amd, good), gone);
    const undo = scene.registry.misbehave({ when: { path: blobOf(gone) }, as: status(404) });
    assert.equal(await scene.say(based, index), "deny BaseImageUnknown");
    undo();
    scene.registry.misbehave({ when: { path: blobOf(gone) }, as: status(503) });
    scene.engine.tick(60_000);
    assert.equal(await scene.say(based, index), "deny EvidenceUnavailable");
  });
});

describe("provenance of which a part cannot be read, under onUnavailable: allow", function () {
  this.timeout(60_000);
  const image = makeImage({ layers: [{ name: "built twice" }], platform: AMD64 });
  const around = makeIndex([image, makeImage({ layers: [{ name: "arm" }], platform: ARM64 })]);
  for (const [what, judged] of [
    ["an image", image],
    ["a platform of an index", around],
  ] as const)
    for (const [base, expected] of [
      ["strangers/base:1", "deny BaseImageNotAllowed EvidenceUnavailable"],
      ["company/base:2", "allow EvidenceUnavailable"],
    ] as const)
      it(`of ${what}, beside some that names ${base}: ${expected}`, async () => {
        const [dark, other] = [await provenance(image, "company/base:1"), await provenance(image, base)];
        await using scene = await Scene.start();
        await scene.push(judged, dark, other);
        scene.registry.misbehave({ when: { path: blobOf(dark) }, as: status(503) });
        assert.equal(await scene.say({ ...based, onUnavailable: "allow" }, judged), expected);
      });
});

/** `onUnavailable: allow` lets in what could not be told; what is known of another platform is known all the same. */
describe("an outage of one platform of an index, under onUnavailable: allow", function () {
  this.timeout(60_000);
  type Make = (name: string, of: Platform) => Image;
  /** What is attached to a platform; of the one that is dark, nobody can read it, or where nothing is, its config. */
  type Attached = (image: Image) => Promise<readonly Pushable[]>;
  type Side = readonly [make: Make, attached?: Attached];

  const plain: Make = (name, of) => makeImage({ layers: [{ name }], platform: of });
  const scan =
    (...found: readonly (typeof BAD)[]): Make =>
    (name, of) =>
      platform(name, of, found);
  const declaring =
    (base: string): Make =>
    (name, of) =>
      makeImage({
        layers: [{ name }],
        platform: of,
        annotations: { "org.opencontainers.image.base.name": `docker.io/${base}` },
      });
  const built =
    (base: string): Attached =>
    async (image) => [await provenance(image, base)];
  const attested =
    (...found: readonly (typeof BAD)[]): Attached =>
    async (image) => [await attestScan(image, found, -1)];
  const notAffected: Attached = async (image) => [await vex(image)];
  const another: Attached = async ({ digest }) => [await attestScan({ ...plain("x", ARM64), digest }, [], -1)];

  const [good, bad] = ["company/base:1", "strangers/base:1"];
  const required: PolicySpec = { ...based, baseImages: { ...based.baseImages, required: true } };
  const declared: PolicySpec = { baseImages: { allow: ["docker.io/company/**"] } };
  const annotated: PolicySpec = { scan: { sources: [{ imageAnnotation: {} }], maxVulnerabilities: { critical: 0 } } };
  const either: PolicySpec = {
    ...scanned,
    scan: { ...scanned.scan, sources: [{ attestation: { authorities: ["ci"] } }, { imageAnnotation: {} }] },
  };

  const NOT_ALLOWED = "deny BaseImageNotAllowed EvidenceUnavailable";
  const VULNERABLE = "deny EvidenceUnavailable ScanVulnerable";
  const MISSING = "deny EvidenceUnavailable ScanMissing";
  const LET_IN = "allow EvidenceUnavailable";

  const rows: readonly (readonly [what: string, spec: PolicySpec, dark: Side, other: Side, expected: string])[] = [
    ["provenance, and the other's names a refused base", based, [plain, built(good)], [plain, built(bad)], NOT_ALLOWED],
    ["provenance, and the other's names a good base", based, [plain, built(good)], [plain, built(good)], LET_IN],
    [
      "provenance, which is required, and the other has none",
      required,
      [plain, built(good)],
      [plain],
      "deny BaseImageUnknown EvidenceUnavailable",
    ],
    ["provenance, and the other has none", based, [plain, built(good)], [plain], LET_IN],
    ["config, and the other declares a refused base", declared, [declaring(good)], [declaring(bad)], NOT_ALLOWED],
    ["config, and the other declares a good base", declared, [declaring(good)], [declaring(good)], LET_IN],
    ["config, and the other declares no base", declared, [declaring(good)], [plain], LET_IN],
    ["scan, and the other is vulnerable", scanned, [plain, attested()], [plain, attested(BAD)], VULNERABLE],
    ["scan, and the other is clean", scanned, [plain, attested()], [plain, attested()], LET_IN],
    ["scan, and the other has none", scanned, [plain, attested()], [plain], MISSING],
    [
      "scan, and the other's is about another image",
      scanned,
      [plain, attested()],
      [plain, another],
      "deny ScanMismatch",
    ],
    ["scan, and the other has none of any source", either, [plain, attested()], [plain], MISSING],
    ["scan, and the next source says worse", either, [scan(), attested()], [scan(BAD)], VULNERABLE],
    ["config, and the other's annotated scan is bad", annotated, [scan()], [scan(BAD)], VULNERABLE],
    ["config, and the other's annotated scan is excused", excused, [scan()], [scan(BAD), notAffected], LET_IN],
    ["config, and the other's annotated scan is clean", annotated, [scan()], [scan()], LET_IN],
    ["config, and the other has no annotated scan", annotated, [scan()], [plain], MISSING],
  ];
  for (const [what, spec, [makeDark, attachedTo], [makeOther, beside], expected] of rows)
    for (const [darkFirst, how, as] of [
      [true, "fails", status(503)],
      [false, "fails", status(503)],
      [true, "hangs", stall()],
    ] as const)
      it(`${darkFirst ? "the first's" : "the second's"}, which ${how}: ${what}: ${expected}`, async () => {
        const [dark, other] = [makeDark("dark", AMD64), makeOther("other", ARM64)];
        const index = makeIndex(darkFirst ? [dark, other] : [other, dark]);
        const attached = (await attachedTo?.(dark)) ?? [];
        await using scene = await Scene.start();
        await scene.push(index, ...attached, ...((await beside?.(other)) ?? []));
        const [unread] = attached;
        const path = unread === undefined ? dark.configDigest : blobOf(unread);
        scene.registry.misbehave({ when: { path }, as });
        assert.equal(await scene.say({ ...spec, onUnavailable: "allow" }, index), expected);
      });
});
