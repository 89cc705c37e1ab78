import assert from "node:assert/strict";
import { imageAnnotationReport, podAnnotationReport } from "../../../../evidence/scan/sources/annotationSource.ts";
import { attestedReport } from "../../../../evidence/scan/sources/attestationSource.ts";
import { COSIGN_VULN, parseScanPredicate } from "../../../../evidence/scan/formats/attestedScan.ts";
import { declaredBases } from "../../../../evidence/scan/sources/declaredBases.ts";
import type { ImagePart, ImageParts, UnreadPart } from "../../../../evidence/scan/sources/imagePart.ts";
import type { ScanParse } from "../../../../evidence/scan/formats/parsedScan.ts";
import { packScan, unpackScan } from "../../../../evidence/scan/formats/packedScan.ts";
import { parseScanText } from "../../../../evidence/scan/formats/parseScan.ts";
import { parseScanList } from "../../../../evidence/scan/formats/readScans.ts";
import { vulnerabilityReports } from "../../../../evidence/scan/sources/reportSource.ts";
import { storedReport, type StoredReport } from "../../../../evidence/scan/formats/vulnerabilityReport.ts";
import type { AttestationOutcome, ProvedStatement, ScanOutcome } from "../../../../policy/facts/facts.ts";
import type { Unavailable } from "../../../../policy/facts/outcome.ts";
import { cosignVuln, trivyReport, trivySarif, vulnerabilityReportObject, type Found } from "./reports.ts";

const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const KEY = "trivy.scan.result";
const BAD: Found = { id: "CVE-1", severity: "CRITICAL" };

const part = (letter: string, annotations: Record<string, string> = {}, platform?: string): ImagePart => ({
  digest: digestOf(letter),
  annotations,
  config: { digest: `config-${letter}`, diffIds: [`layer-${letter}`, "top"], labels: {} },
  ...(platform === undefined ? {} : { platform }),
});

const single = (annotations: Record<string, string> = {}): ImageParts => ({
  digest: digestOf("a"),
  isIndex: false,
  annotations,
  parts: [part("a", annotations)],
});

const index = (onIndex: Record<string, string>, ...children: readonly (ImagePart | UnreadPart)[]): ImageParts => ({
  digest: digestOf("f"),
  isIndex: true,
  annotations: onIndex,
  parts: children,
});

const reportFor = (letter: string, found: readonly Found[] = []): string =>
  JSON.stringify(trivyReport(found, { diffIds: [`layer-${letter}`, "top"] }));

const say = (outcome: ScanOutcome): string =>
  outcome.status === "invalid"
    ? outcome.reason
    : outcome.status === "verified"
      ? outcome.value
          .map(
            ({ platform, reports }) => `${platform ?? "all"}:${reports.map((r) => r.vulnerabilities.length).join("+")}`,
          )
          .join(" ")
      : outcome.status;

describe("image annotation", () => {
  const cases: readonly [string, ImageParts, string][] = [
    ["names the image's layers", single({ [KEY]: reportFor("a", [BAD]) }), "all:1"],
    ["is not there", single(), "absent"],
    ["is empty text", single({ [KEY]: "" }), "ScanInvalid"],
    ["names another image's layers", single({ [KEY]: reportFor("b") }), "ScanMismatch"],
    [
      "names the layers in another order",
      single({ [KEY]: JSON.stringify(trivyReport([], { diffIds: ["top", "layer-a"] })) }),
      "ScanMismatch",
    ],
    [
      "names a part of the layers",
      single({ [KEY]: JSON.stringify(trivyReport([], { diffIds: ["layer-a"] })) }),
      "ScanMismatch",
    ],
    [
      "names the config only",
      single({ [KEY]: JSON.stringify(trivyReport([], { diffIds: [], imageId: "config-a" })) }),
      "all:0",
    ],
    [
      "names another config only",
      single({ [KEY]: JSON.stringify(trivyReport([], { imageId: "config-b" })) }),
      "ScanMismatch",
    ],
    [
      "names right layers beside another config",
      single({ [KEY]: JSON.stringify(trivyReport([], { diffIds: ["layer-a", "top"], imageId: "config-b" })) }),
      "all:0",
    ],
    ["names nothing", single({ [KEY]: JSON.stringify(trivyReport([])) }), "ScanInvalid"],
    [
      "names a digest from before it was added",
      single({ [KEY]: JSON.stringify(trivyReport([], { repoDigests: [`web@${digestOf("b")}`] })) }),
      "ScanMismatch",
    ],
    [
      "stands on each child",
      index(
        {},
        part("a", { [KEY]: reportFor("a") }, "linux/amd64"),
        part("b", { [KEY]: reportFor("b", [BAD]) }, "linux/arm64"),
      ),
      "linux/amd64:0 linux/arm64:1",
    ],
    [
      "stands on one child only",
      index({}, part("a", { [KEY]: reportFor("a") }, "linux/amd64"), part("b", {}, "linux/arm64")),
      "absent",
    ],
    [
      "stands on the index and names one child",
      index({ [KEY]: reportFor("a") }, part("a", {}, "linux/amd64"), part("b", {}, "linux/arm64")),
      "absent",
    ],
    [
      "stands on the index and names its only child",
      index({ [KEY]: reportFor("a") }, part("a", {}, "linux/amd64")),
      "linux/amd64:0",
    ],
    [
      "stands on the index, names one child, and the other has its own",
      index(
        { [KEY]: reportFor("a") },
        part("a", {}, "linux/amd64"),
        part("b", { [KEY]: reportFor("b") }, "linux/arm64"),
      ),
      "linux/amd64:0 linux/arm64:0",
    ],
    [
      "stands on the index and names another image",
      index({ [KEY]: reportFor("c") }, part("a", {}, "linux/amd64")),
      "ScanMismatch",
    ],
    [
      "stands on a child and names its sibling",
      index(
        {},
        part("a", { [KEY]: reportFor("b") }, "linux/amd64"),
        part("b", { [KEY]: reportFor("b") }, "linux/arm64"),
      ),
      "ScanMismatch",
    ],
  ];
  for (const [what, image, expected] of cases) {
    it(`that ${what}: ${expected}`, async () =>
      assert.equal(say(await imageAnnotationReport(image, KEY, parseScanText)), expected));
  }
});

describe("pod annotation", () => {
  const cases: readonly [string, string, boolean, string][] = [
    ["names this image", reportFor("a"), false, "all:0"],
    [
      "names this image's digest",
      JSON.stringify(trivyReport([], { repoDigests: [`web@${digestOf("a")}`] })),
      false,
      "all:0",
    ],
    ["names nothing", JSON.stringify(trivyReport([])), false, "ScanInvalid"],
    ["names another image", reportFor("b"), false, "ScanMismatch"],
    ["names another container's image", reportFor("b"), true, "absent"],
    [
      "lists one for each container",
      JSON.stringify([JSON.parse(reportFor("b")), JSON.parse(reportFor("a", [BAD]))]),
      true,
      "all:1",
    ],
    [
      "lists two that differ for this image",
      JSON.stringify([JSON.parse(reportFor("a", [BAD])), JSON.parse(reportFor("a"))]),
      true,
      "all:1+0",
    ],
    ["is garbage", "{", false, "ScanInvalid"],
  ];
  it("about an index covers it by the index's digest, but not where it names one platform's layers as well", () => {
    const image = index({}, part("a", {}, "linux/amd64"), part("b", {}, "linux/arm64"));
    const said = (about: object): string =>
      say(podAnnotationReport(image, parseScanList(JSON.stringify(trivyReport([], about))), false));
    const repoDigests = [`web@${digestOf("f")}`];
    assert.equal(said({ repoDigests }), "all:0");
    assert.equal(said({ repoDigests, diffIds: ["layer-a", "top"] }), "absent");
    assert.equal(said({ repoDigests, imageId: "config-a" }), "absent");
  });
  it("about what could be read of an index stands beside what could not", () => {
    const unread: Unavailable = { status: "unavailable", cause: "timeout", message: "t" };
    const dark = { digest: digestOf("b"), platform: "linux/arm64", unread };
    const image = index({}, part("a", {}, "linux/amd64"), dark);
    const rest = (...reports: readonly object[]): string | undefined => {
      const outcome = podAnnotationReport(image, parseScanList(JSON.stringify(reports)), false);
      assert.ok(outcome.status === "unavailable");
      return outcome.rest && say(outcome.rest);
    };
    assert.equal(rest(trivyReport([BAD], { diffIds: ["layer-a", "top"] })), "linux/amd64:1");
    assert.equal(rest(trivyReport([BAD], { repoDigests: [`web@${digestOf("f")}`] })), "all:1");
    assert.equal(rest(trivyReport([], { diffIds: ["layer-b", "top"] })), "absent", "it may be about the other");
  });
  for (const [what, text, others, expected] of cases) {
    it(`that ${what}: ${expected}`, () =>
      assert.equal(say(podAnnotationReport(single(), parseScanList(text), others)), expected));
  }
});

describe("scan attestation", () => {
  const proved = (...predicates: readonly unknown[]): AttestationOutcome => ({
    status: "verified",
    value: predicates.map((predicate) => ({
      predicateType: COSIGN_VULN,
      predicate,
      statement: {},
      proof: { fingerprint: "f", signer: "f" },
    })),
  });
  const readHere = (statement: ProvedStatement): ScanParse =>
    parseScanPredicate(statement.predicateType, statement.predicate);
  const none: AttestationOutcome = { status: "absent", message: "none" };
  const ask = async (image: ImageParts, outcomes: Readonly<Record<string, AttestationOutcome>>): Promise<ScanOutcome> =>
    attestedReport(image, (digest) => [outcomes[digest] ?? none], readHere);
  const report = (letter: string, found: readonly Found[] = []): unknown => JSON.parse(reportFor(letter, found));
  const two = index({}, part("a", {}, "linux/amd64"), part("b", {}, "linux/arm64"));

  it("about the image counts", async () =>
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved(cosignVuln(report("a", [BAD]))) })), "all:1"));
  it("that names no layers is bound by its statement", async () =>
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved(cosignVuln(trivyReport([]))) })), "all:0"));
  it("whose report is about another image contradicts itself", async () =>
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved(cosignVuln(report("b"))) })), "ScanMismatch"));
  it("of the wrong signer does not count, and is mentioned", async () => {
    const untrusted: AttestationOutcome = {
      status: "invalid",
      reason: "AttestationUntrusted",
      message: "signed by another key",
    };
    const outcome = await ask(single(), { [digestOf("a")]: untrusted });
    assert.equal(outcome.status, "absent");
    assert.match((outcome as { message: string }).message, /does not count: signed by another key/);
  });
  it("that could not be fetched is unavailable, not absent", async () =>
    assert.equal(
      say(await ask(single(), { [digestOf("a")]: { status: "unavailable", cause: "timeout", message: "t" } })),
      "unavailable",
    ));
  it("of one authority does not count while another's could not be fetched, which may be newer", async () => {
    const down: AttestationOutcome = { status: "unavailable", cause: "kms", message: "k" };
    const outcomes = [proved(cosignVuln(report("a"))), down];
    assert.equal(say(await attestedReport(single(), () => outcomes, readHere)), "unavailable");
  });
  it("counts where it is the newest", async () => {
    const old = cosignVuln(
      { ...(report("a", [BAD]) as object), CreatedAt: "2026-11-01T00:00:00Z" },
      "2026-11-01T00:00:00Z",
    );
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved(old, cosignVuln(report("a"))) })), "all:0");
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved(cosignVuln(report("a")), old) })), "all:0");
  });
  it("without a date is as new as its signature", async () => {
    const signed = (predicate: unknown, signedAt: string): ProvedStatement => ({
      predicateType: COSIGN_VULN,
      predicate,
      statement: {},
      proof: { fingerprint: "f", signer: "f", signedAt },
    });
    const undated = { scanner: { result: trivySarif([{ ...BAD, package: "p", version: "1" }], "config-a") } };
    for (const [at, expected] of [
      ["2026-11-20T11:00:00Z", "all:1"],
      ["2026-11-20T09:00:00Z", "all:0"],
    ] as const) {
      const value = [signed(cosignVuln(report("a")), "2026-11-20T10:00:01Z"), signed(undated, at)];
      assert.equal(say(await ask(single(), { [digestOf("a")]: { status: "verified", value } })), expected);
    }
  });
  it("is a mismatch where one of several of the same time is about another image", async () => {
    const two = proved(cosignVuln(report("a")), cosignVuln(report("b")));
    assert.equal(say(await ask(single(), { [digestOf("a")]: two })), "ScanMismatch");
  });
  it("counts together with others of the same time", async () => {
    const two = proved(cosignVuln(report("a")), cosignVuln(report("a", [BAD])));
    assert.equal(say(await ask(single(), { [digestOf("a")]: two })), "all:0+1");
  });
  it("that cannot be read is invalid where it is the only one", async () =>
    assert.equal(say(await ask(single(), { [digestOf("a")]: proved({}) })), "ScanInvalid"));
  describe("that cannot be used", () => {
    const clean = cosignVuln(report("a"));
    const unusable = (scanFinishedOn?: string): unknown => ({
      scanner: { result: { SchemaVersion: 3 } },
      metadata: { scanFinishedOn },
    });
    const rows: readonly [string, string, readonly unknown[]][] = [
      ["is the newest", "ScanInvalid", [clean, unusable("2026-11-20T11:00:00Z")]],
      ["is the newest, whatever the order", "ScanInvalid", [unusable("2026-11-20T11:00:00Z"), clean]],
      ["is older than one that can", "all:0", [unusable("2026-11-20T09:00:00Z"), clean]],
      ["has no date, beside one that has: it may be newer", "ScanInvalid", [unusable(), clean]],
    ];
    for (const [what, expected, predicates] of rows) {
      it(`${what}: ${expected}`, async () =>
        assert.equal(say(await ask(single(), { [digestOf("a")]: proved(...predicates) })), expected));
    }
    it("is as new as its signature where it has no date itself", async () => {
      const signed = (predicate: unknown, signedAt: string): ProvedStatement => ({
        predicateType: COSIGN_VULN,
        predicate,
        statement: {},
        proof: { fingerprint: "f", signer: "f", signedAt },
      });
      for (const [first, second, expected] of [
        ["10", "11", "ScanInvalid"],
        ["11", "10", "all:0"],
      ] as const) {
        const value = [signed(clean, `2026-11-20T${first}:30:00Z`), signed(unusable(), `2026-11-20T${second}:30:00Z`)];
        const outcome = await ask(single(), { [digestOf("a")]: { status: "verified", value } });
        assert.equal(say(outcome), expected);
      }
    });
    it("keeps its date between threads", async () => {
      const parse = parseScanPredicate(COSIGN_VULN, unusable("2026-11-20T11:00:00Z"));
      assert.equal((parse as { scannedAt?: string }).scannedAt, "2026-11-20T11:00:00Z");
      assert.deepEqual(await unpackScan(structuredClone(packScan(parse))), parse);
    });
  });
  it("about the index covers every platform", async () =>
    assert.equal(say(await ask(two, { [digestOf("f")]: proved(cosignVuln(report("a"))) })), "all:0"));
  it("about one platform does not cover the other", async () =>
    assert.equal(say(await ask(two, { [digestOf("a")]: proved(cosignVuln(report("a"))) })), "absent"));
  it("about one platform that could not be fetched is unavailable, whatever is known of the other", async () =>
    assert.equal(
      say(
        await ask(two, {
          [digestOf("a")]: proved(cosignVuln(report("a"))),
          [digestOf("b")]: { status: "unavailable", cause: "timeout", message: "t" },
        }),
      ),
      "unavailable",
    ));
  it("about one platform stands beside the other's that could not be fetched", async () => {
    const down: AttestationOutcome = { status: "unavailable", cause: "timeout", message: "t" };
    const overloaded: AttestationOutcome = { ...down, cause: "overloaded" };
    const rest = async (a: AttestationOutcome, b: AttestationOutcome): Promise<string> => {
      const outcome = await ask(two, { [digestOf("a")]: a, [digestOf("b")]: b });
      assert.ok(outcome.status === "unavailable");
      return `${outcome.cause} ${outcome.rest === undefined ? "" : say(outcome.rest)}`;
    };
    const bad = proved(cosignVuln(report("a", [BAD])));
    assert.equal(await rest(bad, down), "timeout linux/amd64:1");
    assert.equal(await rest(none, down), "timeout absent");
    assert.equal(await rest(down, overloaded), "overloaded ", "which onUnavailable does not settle");
  });
  it("about each platform covers the index", async () =>
    assert.equal(
      say(
        await ask(two, {
          [digestOf("a")]: proved(cosignVuln(report("a"))),
          [digestOf("b")]: proved(cosignVuln(report("b", [BAD]))),
        }),
      ),
      "linux/amd64:0 linux/arm64:1",
    ));
  it("about one platform with the other's report is a mismatch", async () =>
    assert.equal(
      say(
        await ask(two, {
          [digestOf("a")]: proved(cosignVuln(report("b"))),
          [digestOf("b")]: proved(cosignVuln(report("b"))),
        }),
      ),
      "ScanMismatch",
    ));
});

describe("VulnerabilityReport source", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  const stored = (found: readonly Found[], options: Parameters<typeof vulnerabilityReportObject>[1]): StoredReport => {
    const report = storedReport(vulnerabilityReportObject(found, options));
    assert.ok(report !== undefined);
    return report;
  };
  const ask = (
    reports: readonly StoredReport[] | undefined,
    namespaces: (namespace: string) => boolean = () => true,
    children: { digest: string; platform: string }[] = [],
  ): string =>
    say(
      vulnerabilityReports(
        digestOf("a"),
        children,
        namespaces,
        (digest) => reports?.filter((one) => one.digest === digest),
        now,
      ),
    );

  it("matches by digest", () => {
    assert.equal(ask([stored([BAD], { digest: digestOf("a") })]), "all:1");
    assert.equal(ask([stored([BAD], { digest: digestOf("b") })]), "absent");
  });
  it("gives every report of a digest, so that a clean one of another namespace does not outvote a bad one", () =>
    assert.equal(
      ask([stored([], { digest: digestOf("a"), namespace: "evil" }), stored([BAD], { digest: digestOf("a") })]),
      "all:0+1",
    ));
  it("looks only into the source's namespaces", () =>
    assert.equal(
      ask([stored([], { digest: digestOf("a"), namespace: "evil" })], (namespace) => namespace !== "evil"),
      "absent",
    ));
  it("that cannot be read is invalid where it is the only one, of the image or of a platform", () => {
    const broken = (letter: string): StoredReport => stored([{ ...BAD, severity: "?" }], { digest: digestOf(letter) });
    assert.equal(ask([broken("a")]), "ScanInvalid");
    assert.equal(ask([broken("a"), stored([BAD], { digest: digestOf("a") })]), "all:1");
    const children = [{ digest: digestOf("b"), platform: "linux/amd64" }];
    assert.equal(ask([broken("b")], undefined, children), "ScanInvalid");
  });
  it("does not count an expired report", () => {
    assert.equal(ask([stored([], { digest: digestOf("a"), updated: "2026-11-20T10:00:00Z", ttl: "1h" })]), "absent");
    assert.equal(ask([stored([], { digest: digestOf("a"), updated: "2026-11-20T10:00:00Z", ttl: "3h0m0s" })]), "all:0");
  });
  it("is unavailable, not absent, while reports could not be listed", () =>
    assert.equal(ask(undefined), "unavailable"));
  it("does not let a clean report about the index outvote those about its children", () =>
    assert.equal(
      ask(
        [stored([], { digest: digestOf("a"), namespace: "evil" }), stored([BAD], { digest: digestOf("b") })],
        undefined,
        [{ digest: digestOf("b"), platform: "linux/amd64" }],
      ),
      "all:0+1",
    ));
  it("needs a report of every platform child", () => {
    const children = [
      { digest: digestOf("b"), platform: "linux/amd64" },
      { digest: digestOf("c"), platform: "linux/arm64" },
    ];
    assert.equal(ask([stored([], { digest: digestOf("b") })], undefined, children), "absent");
    assert.equal(
      ask([stored([], { digest: digestOf("b") }), stored([BAD], { digest: digestOf("c") })], undefined, children),
      "linux/amd64:0 linux/arm64:1",
    );
  });
});

describe("declared base images", () => {
  const NAME = "org.opencontainers.image.base.name";
  const labelled = (image: ImagePart, labels: Record<string, string>): ImagePart => ({
    ...image,
    config: { ...image.config, labels },
  });
  const names = (image: ImageParts): unknown => {
    const outcome = declaredBases(image);
    return outcome.status === "verified"
      ? outcome.value.map(({ name, platform }) => `${platform ?? ""} ${name}`.trim())
      : outcome.status;
  };
  it("come from the annotation, the label, or the index around the image", () => {
    assert.deepEqual(names(single({ [NAME]: "debian:12" })), ["debian:12"]);
    assert.deepEqual(names({ ...single(), parts: [labelled(part("a"), { [NAME]: "debian:11" })] }), ["debian:11"]);
    assert.deepEqual(names(index({ [NAME]: "debian:12" }, part("a", {}, "linux/amd64"))), ["linux/amd64 debian:12"]);
  });
  it("all count where annotation and label differ", () => {
    const both = { ...single({ [NAME]: "good" }), parts: [labelled(part("a", { [NAME]: "good" }), { [NAME]: "bad" })] };
    assert.deepEqual(names(both), ["good", "bad"]);
  });
  it("count though one platform says nothing, which is told as well", () =>
    assert.deepEqual(
      names(index({}, part("a", { [NAME]: "debian:12" }, "linux/amd64"), part("b", {}, "linux/arm64"))),
      ["linux/amd64 debian:12", "linux/arm64 undefined"],
    ));
  it("of a platform that could not be read are not known, and the others' are", () => {
    const unread: Unavailable = { status: "unavailable", cause: "timeout", message: "t" };
    const dark = { digest: digestOf("c"), platform: "linux/s390x", unread };
    const outcome = declaredBases(index({}, part("a", { [NAME]: "debian:12" }, "linux/amd64"), dark));
    assert.deepEqual(outcome, { ...unread, rest: [{ name: "debian:12", platform: "linux/amd64" }] });
  });
  it("are absent where no platform says anything", () =>
    assert.equal(names(index({}, part("a", {}, "linux/amd64"), part("b", {}, "linux/arm64"))), "absent"));
});
