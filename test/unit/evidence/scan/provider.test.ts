import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import * as fc from "fast-check";
import type { PolicySpec, Scan } from "../../../../crds/types.ts";
import { COSIGN_VULN } from "../../../../evidence/scan/formats/attestedScan.ts";
import { readScansHere, type ReadScans } from "../../../../evidence/scan/formats/readScans.ts";
import { storedReport, type StoredReport } from "../../../../evidence/scan/formats/vulnerabilityReport.ts";
import { makeImage, makeIndex, type Image, type Pushable } from "../../../../sandbox/registry/images.ts";
import { cosignVuln, trivyReport, vulnerabilityReportObject, type Found } from "./reports.ts";
import { CI, policyOf, Workbench, type Failure } from "./workbench.ts";

const KEY = "trivy.scan.result";
const BASE = "org.opencontainers.image.base.name";
const BAD: Found = {
  id: "CVE-2021-44228",
  severity: "CRITICAL",
  package: "log4j-core",
  version: "2.14.1",
  fixed: "2.15.0",
};
const AT = "2026-11-20T11:00:00Z";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

const trivyOf = ({ diffIds }: Pick<Image, "diffIds">, found: readonly Found[] = [], createdAt = AT): object =>
  trivyReport(found, { diffIds, createdAt });

/** An image with its own report in its manifest: annotations do not change the layers. */
const scanned = (name: string, found: readonly Found[] | undefined, platform = amd64, labels = {}): Image => {
  const options = { layers: [{ name }], platform, labels };
  if (found === undefined) return makeImage(options);
  return makeImage({ ...options, annotations: { [KEY]: JSON.stringify(trivyOf(makeImage(options), found)) } });
};

const withScan = (scan: Scan): PolicySpec => ({
  authorities: [CI],
  scan: { maxVulnerabilities: { critical: 0 }, ...scan },
});
const stored = (digest: string, found: readonly Found[] = [], namespace = "default"): StoredReport => {
  const report = storedReport(vulnerabilityReportObject(found, { digest, namespace, updated: AT }));
  assert.ok(report !== undefined);
  return report;
};

const SOURCES: Readonly<Record<string, Scan>> = {
  imageAnnotation: { sources: [{ imageAnnotation: { key: KEY } }] },
  attestation: { sources: [{ attestation: { authorities: ["ci"] } }] },
  vulnerabilityReport: { sources: [{ vulnerabilityReport: { namespaces: ["*"] } }] },
  podAnnotation: { sources: [{ podAnnotation: { key: KEY } }] },
};

/** Puts a report about each of some images where a source finds it. Gives the pod's part. */
const publish = (
  bench: Workbench,
  source: string,
  about: readonly { image: Pushable & Partial<Image>; found: readonly Found[] }[],
): object => {
  for (const { image, found } of about) {
    const trivy = trivyReport(found, {
      createdAt: AT,
      ...(image.diffIds === undefined ? {} : { diffIds: image.diffIds }),
    });
    if (source === "attestation") bench.attest(image.digest, COSIGN_VULN, cosignVuln(trivy, AT));
    if (source === "vulnerabilityReport") bench.reports = [...(bench.reports ?? []), stored(image.digest, found)];
  }
  if (source !== "podAnnotation") return {};
  const reports = about.map(({ image, found }) =>
    image.diffIds === undefined
      ? trivyReport(found, { createdAt: AT, repoDigests: [`web@${image.digest}`] })
      : trivyOf({ diffIds: image.diffIds }, found),
  );
  return { metadata: { annotations: { [KEY]: JSON.stringify(reports) } } };
};

/** One that reads no report before `pause` is resolved. */
const pausedBench = (): { readonly bench: Workbench; readonly pause: PromiseWithResolvers<void> } => {
  const pause = Promise.withResolvers<void>();
  const text: ReadScans["text"] = async (report, signal) => {
    await pause.promise;
    return readScansHere.text(report, signal);
  };
  return { bench: new Workbench({ ...readScansHere, text }), pause };
};

describe("scan provider", () => {
  for (const [source, scan] of Object.entries(SOURCES)) {
    describe(source, () => {
      const onManifest = source === "imageAnnotation";
      const child = (name: string, found: readonly Found[] | undefined, platform: typeof amd64): Image =>
        scanned(name, onManifest ? found : undefined, platform);
      const rows: readonly [string, readonly Found[] | undefined, readonly Found[] | undefined, string][] = [
        ["both clean", [], [], "allow"],
        ["one bad", [], [BAD], "deny ScanVulnerable"],
        ["one unscanned", [], undefined, "deny ScanMissing"],
        ["none scanned", undefined, undefined, "deny ScanMissing"],
      ];
      for (const [what, first, second, expected] of rows) {
        it(`an index with ${what}: ${expected}`, async () => {
          const bench = new Workbench();
          const children = [child("a", first, amd64), child("b", second, arm64)];
          const index = makeIndex(children);
          bench.put(index);
          const about = children.flatMap((image, position) => {
            const found = [first, second][position];
            return found === undefined ? [] : [{ image, found }];
          });
          const pod = about.length === 0 ? {} : publish(bench, source, about);
          assert.equal(await bench.reasons(withScan(scan), index.digest, pod), expected);
        });
      }

      it("two images through one provider keep their own reports, in either order", async () => {
        for (const order of [
          [0, 1],
          [1, 0],
        ]) {
          const bench = new Workbench();
          const images = [child("a", [], amd64), child("b", [BAD], amd64)];
          for (const image of images) bench.put(image);
          const pods = images.map((image, position) =>
            publish(bench, source, [{ image, found: position === 0 ? [] : [BAD] }]),
          );
          // One pod annotation may hold the reports of both.
          const both = publish(
            bench,
            source,
            images.map((image, position) => ({ image, found: position === 0 ? [] : [BAD] })),
          );
          for (const podOf of [(at: number) => pods[at], () => both]) {
            const said: string[] = [];
            for (const at of [...order, ...order])
              said[at] = await bench.reasons(withScan(scan), images[at]!.digest, podOf(at));
            assert.deepEqual(said, ["allow", "deny ScanVulnerable"], `asked in the order ${order.join()}`);
          }
        }
      });

      for (const [what, found, expected] of [
        ["clean", [], "allow"],
        ["bad", [BAD], "deny ScanVulnerable"],
        ["unscanned", undefined, "deny ScanMissing"],
      ] as const) {
        it(`an image that is ${what}: ${expected}`, async () => {
          const bench = new Workbench();
          const image = child("a", found, amd64);
          bench.put(image);
          const pod = found === undefined ? {} : publish(bench, source, [{ image, found }]);
          assert.equal(await bench.reasons(withScan(scan), image.digest, pod), expected);
        });
      }

      if (!onManifest) {
        it("a report about the index covers its children", async () => {
          const bench = new Workbench();
          const index = makeIndex([scanned("a", undefined, amd64), scanned("b", undefined, arm64)]);
          bench.put(index);
          const clean = publish(bench, source, [{ image: index, found: [] }]);
          assert.equal(await bench.reasons(withScan(scan), index.digest, clean), "allow");
          const worse = new Workbench();
          worse.put(index);
          const bad = publish(worse, source, [{ image: index, found: [BAD] }]);
          assert.equal(await worse.reasons(withScan(scan), index.digest, bad), "deny ScanVulnerable");
        });
      }

      it("a report about another image does not do", async () => {
        const bench = new Workbench();
        const [image, other] = [scanned("a", undefined), scanned("b", [])];
        const wrong = makeImage({ layers: [{ name: "a" }], annotations: { [KEY]: JSON.stringify(trivyOf(other)) } });
        const judged = onManifest ? wrong : image;
        bench.put(judged);
        const pod = publish(bench, source, [{ image: other, found: [] }]);
        const expected = onManifest || source === "podAnnotation" ? "deny ScanMismatch" : "deny ScanMissing";
        assert.equal(await bench.reasons(withScan(scan), judged.digest, pod), expected);
      });

      it("answers at once when it is warm, and says the same", async () => {
        const bench = new Workbench();
        const index = makeIndex([child("a", [], amd64), child("b", [BAD], arm64)]);
        bench.put(index);
        const pod = publish(bench, source, [
          { image: index.children[0] as Image, found: [] },
          { image: index.children[1] as Image, found: [BAD] },
        ]);
        const context = bench.context([policyOf(withScan(scan))], index.digest, pod);
        const cold = await bench.provider.gather(context);
        const warm = bench.provider.gather(context);
        assert.ok(!(warm instanceof Promise));
        assert.deepEqual(warm, cold);
      });
    });
  }

  it("gives the same facts cold and warm, from whatever there is", async () => {
    const reports = fc.constantFrom<readonly Found[] | undefined>(undefined, [], [BAD]);
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(Object.keys(SOURCES), { minLength: 1 }),
        fc.array(fc.tuple(reports, reports), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.subarray(["imageAnnotation", "attestation", "vulnerabilityReport", "podAnnotation"]),
        async (sources, children, asIndex, published) => {
          const images = children.map(([own], position) =>
            scanned(`c${position}`, own, { os: "linux", architecture: `a${position}` }),
          );
          const judged: Pushable = asIndex ? makeIndex(images) : (images[0] as Image);
          const about = images.flatMap((image, position) => {
            const found = children[position]?.[1];
            return found === undefined ? [] : [{ image, found }];
          });
          const spec = withScan({ sources: sources.flatMap((source) => SOURCES[source]?.sources ?? []) });
          const make = (): { bench: Workbench; pod: object } => {
            const bench = new Workbench();
            bench.put(judged);
            const pod = {};
            for (const source of published) Object.assign(pod, publish(bench, source, about));
            return { bench, pod };
          };
          const [one, other] = [make(), make()];
          const policy = policyOf(spec);
          const context = one.bench.context([policy], judged.digest, one.pod);
          const cold = await one.bench.provider.gather(context);
          const warm = one.bench.provider.gather(context);
          assert.ok(!(warm instanceof Promise));
          assert.deepEqual(warm, cold);
          assert.equal(
            await one.bench.reasons(spec, judged.digest, one.pod),
            await other.bench.reasons(spec, judged.digest, other.pod),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  describe("faults", () => {
    const down: Failure = { status: "unavailable", cause: "network", message: "no connection" };
    const gone: Failure = { status: "absent", message: "is not there" };
    const wrong: Failure = { status: "invalid", reason: "DigestMismatch", message: "its bytes are others" };
    const everything: PolicySpec = {
      ...withScan({ sources: Object.values(SOURCES).flatMap(({ sources = [] }) => sources) }),
      baseImages: { allow: ["**"], required: true },
    };
    const index = makeIndex([
      scanned("a", [], amd64, { [BASE]: "debian:12" }),
      scanned("b", [], arm64, { [BASE]: "debian:12" }),
    ]);
    const calls = [
      `manifest ${index.digest}`,
      ...index.children.flatMap((one) => [`manifest ${one.digest}`, `blob ${one.blobs[0]?.digest}`]),
    ];

    it("is let in where nothing fails", async () => {
      const bench = new Workbench();
      bench.put(index);
      assert.equal(await bench.reasons(withScan(SOURCES["imageAnnotation"] as Scan), index.digest), "allow");
    });
    for (const call of calls) {
      const what = call.startsWith("manifest") ? (call.endsWith(index.digest) ? "the index" : "a child") : "a config";
      it(`${what} that cannot be had is no pass; only what is unavailable is settled by onUnavailable`, async () => {
        for (const [failure, lenient] of [
          [down, "allow"],
          [gone, "deny"],
          [wrong, "deny"],
        ] as const) {
          for (const spec of [
            everything,
            withScan(SOURCES["imageAnnotation"] as Scan),
            { baseImages: { required: true } },
          ]) {
            const bench = new Workbench();
            bench.put(index);
            bench.fail = (one) => (one === call ? failure : undefined);
            assert.match(
              await bench.reasons(spec, index.digest),
              /^deny /,
              `${failure.status} ${JSON.stringify(spec)}`,
            );
            const settled = await bench.reasons({ ...spec, onUnavailable: "allow" }, index.digest);
            assert.match(settled, new RegExp(`^${lenient} `), failure.status);
          }
        }
      });
    }

    it("content that is not what its digest says is named so", async () => {
      const bench = new Workbench();
      bench.put(index);
      bench.fail = (call) => (call.startsWith("blob") ? wrong : undefined);
      assert.equal(
        await bench.reasons(withScan(SOURCES["imageAnnotation"] as Scan), index.digest),
        "deny DigestMismatch",
      );
    });
    it("reports that could not be listed are unavailable, not absent", async () => {
      const bench = new Workbench();
      bench.put(index);
      bench.reports = undefined;
      assert.equal(
        await bench.reasons(withScan(SOURCES["vulnerabilityReport"] as Scan), index.digest),
        "deny EvidenceUnavailable",
      );
    });
    it("reports about the digest itself count, though the registry is away", async () => {
      const bench = new Workbench();
      bench.put(index);
      bench.fail = () => down;
      const spec = withScan(SOURCES["vulnerabilityReport"] as Scan);
      assert.equal(await bench.reasons(spec, index.digest), "deny EvidenceUnavailable");
      bench.reports = [stored(index.digest)];
      assert.equal(await bench.reasons(spec, index.digest), "allow");
    });
    it("attestations that could not be read are unavailable", async () => {
      const bench = new Workbench();
      bench.put(index);
      bench.attested.set(`${index.digest} ${COSIGN_VULN}`, down);
      assert.equal(
        await bench.reasons(withScan(SOURCES["attestation"] as Scan), index.digest),
        "deny EvidenceUnavailable",
      );
    });
    it("a report that nobody had time to read is unavailable, from every source", async () => {
      const busy = { status: "unavailable", cause: "overloaded", message: "busy" } as const;
      const read: ReadScans = { text: () => busy, list: () => [busy], statement: async () => busy };
      for (const source of ["imageAnnotation", "attestation", "podAnnotation"]) {
        const bench = new Workbench(read);
        const image = scanned("a", []);
        bench.put(image);
        const pod = publish(bench, source, [{ image, found: [] }]);
        assert.equal(
          await bench.reasons(withScan(SOURCES[source] as Scan), image.digest, pod),
          "deny EvidenceUnavailable",
          source,
        );
      }
    });
    it("a report that nobody had time to read is read by the next who asks", async () => {
      let busy = true;
      const bench = new Workbench({
        ...readScansHere,
        text: (text, signal) =>
          busy ? { status: "unavailable", cause: "overloaded", message: "busy" } : readScansHere.text(text, signal),
      });
      const image = scanned("a", []);
      bench.put(image);
      assert.equal(await bench.reasons(withScan({}), image.digest), "deny EvidenceUnavailable");
      busy = false;
      assert.equal(await bench.reasons(withScan({}), image.digest), "allow");
    });
    it("what was unavailable is asked again", async () => {
      const bench = new Workbench();
      bench.put(index);
      bench.fail = (call) => (call.startsWith("blob") ? down : undefined);
      const spec = withScan(SOURCES["imageAnnotation"] as Scan);
      assert.equal(await bench.reasons(spec, index.digest), "deny EvidenceUnavailable");
      bench.fail = () => undefined;
      assert.equal(await bench.reasons(spec, index.digest), "allow");
    });
  });

  it("keeps the reports of pods apart, though their image is the same", async () => {
    const bench = new Workbench();
    const image = scanned("a", undefined);
    bench.put(image);
    const spec = withScan(SOURCES["podAnnotation"] as Scan);
    const podOf = (about: Image, found: readonly Found[]): object =>
      publish(bench, "podAnnotation", [{ image: about, found }]);
    for (let round = 0; round < 2; round++) {
      assert.equal(await bench.reasons(spec, image.digest, podOf(image, [])), "allow");
      assert.equal(await bench.reasons(spec, image.digest, podOf(image, [BAD])), "deny ScanVulnerable");
      assert.equal(await bench.reasons(spec, image.digest, podOf(scanned("b", undefined), [])), "deny ScanMismatch");
    }
  });

  it("takes an image apart and reads its report once, however many ask together", async () => {
    const { bench, pause } = pausedBench();
    const image = scanned("a", []);
    bench.put(image);
    const context = bench.context([policyOf(withScan({}))], image.digest);
    const asked = Array.from({ length: 50 }, async () => bench.provider.gather(context));
    pause.resolve();
    await Promise.all(asked);
    assert.deepEqual([bench.parses, bench.calls.filter((call) => call.startsWith("blob")).length], [1, 1]);
  });

  it("asks for the provenance of an index's platforms while their scans are being read", async () => {
    const { bench, pause } = pausedBench();
    const index = makeIndex([scanned("a", [], amd64), scanned("b", [], arm64)]);
    bench.put(index);
    const spec: PolicySpec = { ...withScan({}), authorities: [CI], baseImages: { allow: ["**"], authorities: ["ci"] } };
    const asked = bench.provider.gather(bench.context([policyOf(spec)], index.digest));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([bench.parses, bench.ages.length], [2, 3], "of two reports, and of the index and its platforms");
    pause.resolve();
    await asked;
  });

  it("refuses an index whose annotations would fill the memory", async () => {
    const filler = "x".repeat(3 * 1024 * 1024);
    const children = Array.from({ length: 6 }, (_, n) =>
      makeImage({
        layers: [{ n: String(n) }],
        platform: { os: "linux", architecture: `a${n}` },
        annotations: { filler },
      }),
    );
    const bench = new Workbench();
    const index = makeIndex(children);
    bench.put(index);
    assert.equal(await bench.reasons(withScan({}), index.digest), "deny ImageMalformed");
  });

  it("refuses an index whose manifests and configs would take longer than there is time for, before it fetches the rest", async () => {
    const filler = "x".repeat(3 * 1024 * 1024);
    for (const large of [{ labels: { filler } }, { annotations: { filler } }]) {
      const children = Array.from({ length: 24 }, (_, n) =>
        makeImage({
          layers: [{ n: String(n) }],
          platform: { os: "linux", architecture: `a${n}` },
          ...(n < 8 ? {} : large),
        }),
      );
      const bench = new Workbench();
      const index = makeIndex(children);
      bench.put(index);
      assert.equal(await bench.reasons(withScan({}), index.digest), "deny ImageMalformed");
      assert.equal(bench.calls.filter((call) => call.startsWith("blob")).length, 16);
    }
  });

  it("refuses a config that says to be larger than any is, without fetching it", async () => {
    const bench = new Workbench();
    const image = makeImage({ layers: [{ n: "1" }] });
    const manifest = JSON.parse(Buffer.from(image.bytes).toString("utf8")) as { config: { size: number } };
    manifest.config.size = 5 * 1024 * 1024;
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    bench.put({ ...image, bytes, digest });
    assert.equal(await bench.reasons(withScan({}), digest), "deny ImageMalformed");
    assert.deepEqual(
      bench.calls.filter((call) => call.startsWith("blob")),
      [],
    );
  });

  it("refuses an index of too many platforms, of none, and of indexes", async () => {
    const many = makeIndex(
      Array.from({ length: 65 }, (_, n) => scanned(`${n}`, [], { os: "linux", architecture: `a${n}` })),
    );
    const none = makeIndex([makeImage({ platform: { os: "unknown", architecture: "unknown" } })]);
    const nested = makeIndex([makeIndex([scanned("a", [])])]);
    for (const index of [many, none, nested]) {
      const bench = new Workbench();
      bench.put(index);
      assert.equal(await bench.reasons(withScan({}), index.digest), "deny ImageMalformed");
    }
  });

  it("leaves out build attestations that ride in an index", async () => {
    const index = makeIndex([scanned("a", []), makeImage({ platform: { os: "unknown", architecture: "unknown" } })]);
    const bench = new Workbench();
    bench.put(index);
    assert.equal(await bench.reasons(withScan({}), index.digest), "allow");
  });

  describe("newer attestations", () => {
    const image = scanned("a", undefined);
    const spec = withScan({ ...SOURCES["attestation"], maxAge: "24h" });
    const attest = (bench: Workbench, found: readonly Found[], at: string): void =>
      bench.attest(image.digest, COSIGN_VULN, cosignVuln(trivyOf(image, found, at), at));

    it("are not looked for while the kept ones satisfy", async () => {
      const bench = new Workbench();
      bench.put(image);
      attest(bench, [], AT);
      assert.equal(await bench.reasons(spec, image.digest), "allow");
      assert.deepEqual([...new Set(bench.ages)], ["kept"]);
    });
    it("are looked for where the kept ones are stale, bad or missing", async () => {
      for (const [found, at] of [
        [[BAD], AT],
        [[], "2026-11-01T00:00:00Z"],
      ] as const) {
        const bench = new Workbench();
        bench.put(image);
        attest(bench, found, at);
        assert.match(await bench.reasons(spec, image.digest), /^deny/);
        assert.ok(bench.ages.includes("fresh"));
        attest(bench, [], AT);
        assert.equal(await bench.reasons(spec, image.digest), "allow");
      }
    });
    it("of a platform child are noticed as well", async () => {
      const bench = new Workbench();
      const index = makeIndex([image]);
      bench.put(index);
      attest(bench, [], AT);
      assert.equal(await bench.reasons(spec, index.digest), "allow");
      attest(bench, [BAD], AT);
      assert.equal(await bench.reasons(spec, index.digest), "deny ScanVulnerable");
    });
  });

  describe("base images", () => {
    const spec: PolicySpec = { baseImages: { allow: ["docker.io/library/debian"], required: true } };
    for (const [what, image, expected] of [
      ["a label", makeImage({ labels: { [BASE]: "debian:12" } }), "allow"],
      ["an annotation", makeImage({ annotations: { [BASE]: "debian:12" } }), "allow"],
      [
        "an annotation and another label",
        makeImage({ annotations: { [BASE]: "debian:12" }, labels: { [BASE]: "alpine" } }),
        "deny BaseImageNotAllowed",
      ],
      ["the index", makeIndex([makeImage()], { annotations: { [BASE]: "debian:12" } }), "allow"],
      [
        "one of two platforms",
        makeIndex([makeImage({ labels: { [BASE]: "debian:12" } }), makeImage({ platform: arm64 })]),
        "deny BaseImageUnknown",
      ],
      ["nothing", makeImage(), "deny BaseImageUnknown"],
      ["nothing on any platform", makeIndex([makeImage(), makeImage({ platform: arm64 })]), "deny BaseImageUnknown"],
    ] as const) {
      it(`said by ${what}: ${expected}`, async () => {
        const bench = new Workbench();
        bench.put(image);
        assert.equal(await bench.reasons(spec, image.digest), expected);
      });
    }
    it("of one platform counts though another says nothing, and none is required", async () => {
      const bench = new Workbench();
      const index = makeIndex([makeImage({ platform: arm64 }), makeImage({ labels: { [BASE]: "alpine" } })]);
      bench.put(index);
      const lax: PolicySpec = { baseImages: { allow: ["docker.io/library/debian"] } };
      assert.equal(await bench.reasons(lax, index.digest), "deny BaseImageNotAllowed");
      const [image, replacement] = ["docker.io/library/alpine", "docker.io/library/debian:12"];
      const old: PolicySpec = { baseImages: { deprecated: [{ image, replacement }] } };
      assert.equal(await bench.reasons(old, index.digest), "deny BaseImageDeprecated");
    });
  });

  it("softens by a child that runs, where the pod names the index", async () => {
    const bench = new Workbench();
    const index = makeIndex([scanned("a", [BAD])]);
    bench.put(index);
    const spec = withScan({ runningImages: "Warn" });
    assert.equal(await bench.reasons(spec, index.digest), "deny ScanVulnerable");
    bench.running = [index.children[0]?.digest ?? ""];
    assert.equal(await bench.reasons(spec, index.digest), "warn ScanVulnerable");
  });
});
