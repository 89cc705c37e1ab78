import assert from "node:assert/strict";
import { attestationKey } from "../../../../policy/facts/attestationKey.ts";
import type { CompiledAuthority } from "../../../../policy/authority.ts";
import type { Scan } from "../../../../crds/types.ts";
import type { AttestationOutcome, ImageFacts, ScanCoverage, ScanOutcome } from "../../../../policy/facts/facts.ts";
import type { RuleFinding } from "../../../../policy/finding/finding.ts";
import { judgeScan, scan, type ScanContext } from "../../../../policy/rules/scan.ts";
import type { ScanRule } from "../../../../policy/compile/rules/scan.ts";
import { compileRule } from "../../policy/compiling.ts";
import { parseReference } from "../../../../policy/image/reference.ts";
import { orderVulnerabilities, type ScanReport, type Vulnerability } from "../../../../policy/facts/scanReport.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const CI: CompiledAuthority = {
  type: "key",
  name: "ci",
  id: "ci-id",
  keys: [],
  transparencyLog: "Ignored",
  trustRoot: { type: "publicGood" },
  annotations: {},
};
const parsed = parseReference("registry.company.com/web:1");
assert.ok(parsed.status === "ok");
const WEB = parsed.reference;

const AUTHORITIES = { authorities: new Map([["ci", CI]]), faulty: new Map() };

const compileScan = (spec: Scan, signed = false): ReturnType<typeof compileRule<"scan", ScanRule>> =>
  compileRule(scan, { scan: spec, ...(signed ? { signatures: { authorities: ["ci"] } } : {}) }, AUTHORITIES);

const vulnerability = (
  id: string,
  severity: Vulnerability["severity"],
  more: Partial<Vulnerability> = {},
): Vulnerability => ({
  id,
  severity,
  package: `pkg-${id}`,
  installedVersion: "1.0",
  ...more,
});

const report = (
  vulnerabilities: readonly Vulnerability[],
  scannedAt: string | null = "2026-11-20T11:00:00Z",
): ScanReport => ({
  scanner: "Trivy",
  vulnerabilities: orderVulnerabilities(vulnerabilities),
  ...(scannedAt === null ? {} : { scannedAt }),
});

const covering = (...reports: readonly ScanReport[]): ScanOutcome => ({ status: "verified", value: [{ reports }] });

const judge = (
  spec: Scan,
  outcomes: readonly ScanOutcome[],
  more: Partial<ImageFacts> = {},
  context: Partial<ScanContext> = {},
): RuleFinding[] => {
  const { rule } = compileScan(spec);
  const facts: ImageFacts = {
    signatures: new Map(),
    attestations: new Map(),
    digest: { status: "verified", value: `sha256:${"a".repeat(64)}` },
    scans: new Map(
      rule.sources.flatMap(({ id }, index): [string, ScanOutcome][] => {
        const outcome = outcomes[index];
        return outcome === undefined ? [] : [[id, outcome]];
      }),
    ),
    ...more,
  };
  return judgeScan(rule, facts, {
    mode: "admission",
    template: false,
    reference: WEB,
    now: NOW,
    createdAt: NOW,
    ...context,
  });
};

const reasons = (findings: readonly RuleFinding[]): string[] =>
  findings.map(({ reason, atMost }) => (atMost === undefined ? reason : `${reason}(${atMost})`));

const LOG4SHELL = vulnerability("CVE-2021-44228", "critical", {
  package: "log4j-core",
  installedVersion: "2.14.1",
  fixedVersion: "2.15.0",
  cvss: 10,
});
const ABSENT: ScanOutcome = { status: "absent", message: "none" };
const DOWN: ScanOutcome = { status: "unavailable", cause: "timeout", message: "no answer in time" };

describe("scan rule", () => {
  it("names the counts, the worst with their fixes, and the limit", () => {
    const many = Array.from({ length: 7 }, (_, index) => vulnerability(`CVE-2024-000${index}`, "high"));
    const [finding] = judge({ maxVulnerabilities: { critical: 0, high: 2 } }, [covering(report([...many, LOG4SHELL]))]);
    assert.equal(finding?.reason, "ScanVulnerable");
    assert.equal(
      finding?.detail,
      "1 critical (CVE-2021-44228 log4j-core 2.14.1 -> 2.15.0), at most 0 allowed; " +
        "7 high (CVE-2024-0000 pkg-CVE-2024-0000 1.0, CVE-2024-0001 pkg-CVE-2024-0001 1.0, CVE-2024-0002 pkg-CVE-2024-0002 1.0, " +
        "CVE-2024-0003 pkg-CVE-2024-0003 1.0, ...), at most 2 allowed; update the packages or the base image",
    );
  });

  // Each row changes one field only, and that flips the verdict.
  const flips: readonly [string, Scan, readonly string[], Scan, readonly string[], ScanOutcome][] = [
    [
      "maxVulnerabilities.critical",
      { maxVulnerabilities: { critical: 1 } },
      [],
      { maxVulnerabilities: { critical: 0 } },
      ["ScanVulnerable"],
      covering(report([LOG4SHELL])),
    ],
    [
      "maxVulnerabilities.high",
      { maxVulnerabilities: { critical: 0 } },
      [],
      { maxVulnerabilities: { high: 0 } },
      ["ScanVulnerable"],
      covering(report([vulnerability("CVE-1", "high")])),
    ],
    [
      "maxVulnerabilities.medium",
      {},
      [],
      { maxVulnerabilities: { medium: 0 } },
      ["ScanVulnerable"],
      covering(report([vulnerability("CVE-1", "medium")])),
    ],
    [
      "maxVulnerabilities.low",
      {},
      [],
      { maxVulnerabilities: { low: 0 } },
      ["ScanVulnerable"],
      covering(report([vulnerability("CVE-1", "low")])),
    ],
    [
      "maxVulnerabilities.unknown",
      {},
      [],
      { maxVulnerabilities: { unknown: 0 } },
      ["ScanVulnerable"],
      covering(report([vulnerability("CVE-1", "unknown")])),
    ],
    [
      "onlyFixable",
      { maxVulnerabilities: { high: 0 }, onlyFixable: true },
      [],
      { maxVulnerabilities: { high: 0 }, onlyFixable: false },
      ["ScanVulnerable"],
      covering(report([vulnerability("CVE-1", "high")])),
    ],
    ["maxAge", { maxAge: "2h" }, [], { maxAge: "30m" }, ["ScanStale"], covering(report([]))],
    ["minScore", { minScore: 75 }, [], { minScore: 76 }, ["ScanScoreLow"], covering(report([LOG4SHELL]))],
    ["maxCVSS", { maxCVSS: 10 }, [], { maxCVSS: 9.9 }, ["ScanVulnerable"], covering(report([LOG4SHELL]))],
    [
      "denyCVEs",
      { denyCVEs: ["CVE-2020-1"] },
      [],
      { denyCVEs: ["CVE-2021-44228"] },
      ["ScanVulnerable"],
      covering(report([LOG4SHELL])),
    ],
    [
      "allowCVEs.id",
      { maxVulnerabilities: { critical: 0 }, allowCVEs: [{ id: "CVE-2021-44228", reason: "r" }] },
      [],
      { maxVulnerabilities: { critical: 0 }, allowCVEs: [{ id: "CVE-2021-44229", reason: "r" }] },
      ["ScanVulnerable"],
      covering(report([LOG4SHELL])),
    ],
    [
      "allowCVEs.expires",
      {
        maxVulnerabilities: { critical: 0 },
        allowCVEs: [{ id: "CVE-2021-44228", reason: "r", expires: "2026-11-20T12:00:01Z" }],
      },
      [],
      {
        maxVulnerabilities: { critical: 0 },
        allowCVEs: [{ id: "CVE-2021-44228", reason: "r", expires: "2026-11-20T12:00:00Z" }],
      },
      ["ScanVulnerable"],
      covering(report([LOG4SHELL])),
    ],
  ];
  for (const [field, laxer, pass, stricter, fail, outcome] of flips) {
    it(`${field} flips the verdict`, () => {
      assert.deepEqual(reasons(judge(laxer, [outcome])), pass);
      assert.deepEqual(reasons(judge(stricter, [outcome])), fail);
    });
  }

  it("asks for a report that is bound and fresh where no limit is given", () => {
    assert.deepEqual(reasons(judge({}, [covering(report([LOG4SHELL]))])), []);
    assert.deepEqual(reasons(judge({}, [ABSENT])), ["ScanMissing"]);
  });

  it("lets denyCVEs win over allowCVEs, onlyFixable and VEX, by any id of the vulnerability", () => {
    const ghsa = vulnerability("GHSA-jfh8-c2jp-5v3q", "low", { aliases: ["CVE-2021-44228"] });
    const spec: Scan = {
      denyCVEs: ["cve-2021-44228"],
      allowCVEs: [{ id: "CVE-2021-44228", reason: "r" }],
      onlyFixable: true,
    };
    assert.deepEqual(reasons(judge(spec, [covering(report([ghsa]))])), ["ScanVulnerable"]);
  });

  it("tells how many are suppressed in the report, beside a limit that is passed without them", () => {
    const hidden = orderVulnerabilities([vulnerability("CVE-2024-9", "high"), vulnerability("CVE-2024-8", "low")]);
    const suppressing = covering({ ...report([vulnerability("CVE-2024-2", "high")]), suppressed: hidden });
    const [found] = judge({ maxVulnerabilities: { high: 0 } }, [suppressing]);
    assert.match(found?.detail ?? "", /^1 high \(.*\), at most 0 allowed \(1 more suppressed in the report\); update/);
    assert.deepEqual(judge({ maxVulnerabilities: { high: 1 } }, [suppressing]), []);
  });

  it("lets denyCVEs, and nothing else, count what the report itself lists as suppressed", () => {
    const hidden = [LOG4SHELL, vulnerability("CVE-2024-1", "critical")];
    const suppressing = covering({ ...report([vulnerability("CVE-2024-2", "low")]), suppressed: hidden });
    const limits: Scan = { maxVulnerabilities: { critical: 0 }, maxCVSS: 5, minScore: 90 };
    assert.deepEqual(judge(limits, [suppressing]), []);
    assert.deepEqual(judge({ ...limits, denyCVEs: ["CVE-2024-3"] }, [suppressing]), []);
    const [finding] = judge({ denyCVEs: ["CVE-2021-44228", "CVE-2024-2"] }, [suppressing]);
    assert.equal(
      finding?.detail,
      "2 denied by denyCVEs (CVE-2024-2 pkg-CVE-2024-2 1.0, CVE-2021-44228 log4j-core 2.14.1 -> 2.15.0), " +
        "1 of them suppressed in the report; update the packages or the base image",
    );
    const counted = judge({ ...limits, denyCVEs: ["CVE-2021-44228"] }, [suppressing]);
    assert.deepEqual(reasons(counted), ["ScanVulnerable", "ScanScoreLow"]);
  });

  it("allows an advisory of several CVEs by its own id or by all of them, never by one", () => {
    const advisory = vulnerability("ALAS-2021-1704", "critical", { aliases: ["CVE-2021-44228", "CVE-2021-45046"] });
    const ghsa = vulnerability("GHSA-jfh8-c2jp-5v3q", "critical", { aliases: ["CVE-2021-44228"] });
    const rows: readonly [Vulnerability, readonly string[], boolean][] = [
      [advisory, ["CVE-2021-44228"], false],
      [advisory, ["CVE-2021-44228", "CVE-2021-45046"], true],
      [advisory, ["ALAS-2021-1704"], true],
      [ghsa, ["CVE-2021-44228"], true],
      [ghsa, ["GHSA-jfh8-c2jp-5v3q"], true],
      [ghsa, ["CVE-2021-45046"], false],
    ];
    for (const [one, ids, allowed] of rows) {
      const allowCVEs = ids.map((id) => ({ id, reason: "x" }));
      assert.deepEqual(
        reasons(judge({ maxVulnerabilities: { critical: 0 }, allowCVEs }, [covering(report([one]))])),
        allowed ? [] : ["ScanVulnerable"],
        `${one.id} by ${ids.join(", ")}`,
      );
    }
    const denied = judge({ denyCVEs: ["CVE-2021-45046"] }, [covering(report([advisory]))]);
    assert.deepEqual(reasons(denied), ["ScanVulnerable"]);
  });

  it("names an advisory of several CVEs by its own id, and what is denied by the id that denies it", () => {
    const advisory = vulnerability("ALAS-2021-1704", "critical", { aliases: ["CVE-2021-44228", "CVE-2021-45046"] });
    const ghsa = vulnerability("GHSA-jfh8-c2jp-5v3q", "critical", { aliases: ["CVE-2021-44228"] });
    const said = (spec: Scan, one: Vulnerability): string => judge(spec, [covering(report([one]))])[0]?.detail ?? "";
    assert.match(said({ maxVulnerabilities: { critical: 0 } }, advisory), /^1 critical \(ALAS-2021-1704 /);
    assert.match(said({ maxVulnerabilities: { critical: 0 } }, ghsa), /^1 critical \(CVE-2021-44228 /);
    assert.match(said({ denyCVEs: ["CVE-2021-45046"] }, advisory), /^1 denied by denyCVEs \(CVE-2021-45046 /);
    assert.match(said({ denyCVEs: [ghsa.id] }, ghsa), /^1 denied by denyCVEs \(GHSA-jfh8-c2jp-5v3q /);
  });

  it("holds its limits to the second and to the tenth", () => {
    const aged = (seconds: number): string[] =>
      reasons(
        judge({ maxAge: "24h" }, [covering(report([], new Date(NOW - 86_400_000 - seconds * 1_000).toISOString()))]),
      );
    assert.deepEqual(aged(0), []);
    assert.deepEqual(aged(1), ["ScanStale"]);
    const scored = (cvss: number): string[] =>
      reasons(judge({ maxCVSS: 8.9 }, [covering(report([vulnerability("CVE-2026-1", "high", { cvss })]))]));
    assert.deepEqual(scored(8.9), []);
    assert.deepEqual(scored(8.95), ["ScanVulnerable"]);
  });

  it("puts the scores and the names of one vulnerability's entries together", () => {
    const entries = [
      vulnerability("GHSA-jfh8-c2jp-5v3q", "critical", { package: "p", cvss: 7, aliases: ["CVE-2021-44228"] }),
      vulnerability("GHSA-jfh8-c2jp-5v3q", "high", { package: "p", cvss: 9.5, aliases: ["CVE-2021-45046"] }),
    ];
    for (const order of [entries, entries.toReversed()]) {
      const scanned = [covering(report(order))];
      assert.deepEqual(reasons(judge({ maxCVSS: 9 }, scanned)), ["ScanVulnerable"]);
      for (const id of ["CVE-2021-44228", "CVE-2021-45046"])
        assert.deepEqual(reasons(judge({ denyCVEs: [id] }, scanned)), ["ScanVulnerable"], id);
      assert.deepEqual(reasons(judge({ maxVulnerabilities: { critical: 0 } }, scanned)), ["ScanVulnerable"]);
    }
  });

  it("counts packages of one name in two ecosystems apart", () => {
    const both = ["pkg:deb/debian/x@1.0?arch=amd64", "pkg:npm/x@1.0", "pkg:deb/debian/x@1.0?arch=arm64"].map((purl) =>
      vulnerability("CVE-2026-1", "high", { package: "x", purl }),
    );
    assert.match(judge({ maxVulnerabilities: { high: 1 } }, [covering(report(both))])[0]?.detail ?? "", /^2 high/);
  });

  it("says how old a scan may be, and what to do", () => {
    const old = [covering(report([LOG4SHELL], "2026-11-18T00:00:00Z"))];
    const said = (spec: Scan): readonly string[] => judge(spec, old).map(({ detail }) => detail);
    assert.deepEqual(said({ maxAge: "36h" }), ["the scan is older than 1d12h (maxAge); scan the image again"]);
    assert.deepEqual(said({ maxAge: "90s" }), ["the scan is older than 1m30s (maxAge); scan the image again"]);
    assert.deepEqual(said({ minScore: 80 }), [
      "scan score 75, at least 80 is required; update the packages or the base image",
    ]);
  });

  it("names what a report holds on one line, cut, with nothing invisible", () => {
    const hostile = vulnerability("CVE-1", "high", {
      package: `a\nb\u202e${"x".repeat(500)}`,
      installedVersion: "1\t0",
    });
    const detail = judge({ maxVulnerabilities: { high: 0 } }, [covering(report([hostile]))])[0]?.detail ?? "";
    assert.match(detail, /^[\x20-\x7e]{0,300}$/);
  });

  it("puts the entries of one vulnerability together: the worse severity, and a fix that either knows", () => {
    const entries = [
      vulnerability("CVE-1", "low", { fixedVersion: "1.1", package: "p" }),
      vulnerability("CVE-1", "high", { package: "p" }),
    ];
    const spec: Scan = { maxVulnerabilities: { high: 0 }, onlyFixable: true };
    assert.match(judge(spec, [covering(report(entries))])[0]?.detail ?? "", /^1 high \(CVE-1 p 1.0 -> 1.1\)/);
  });

  it("counts a vulnerability once that is found under several paths, and each package of a CVE", () => {
    const twice = [
      vulnerability("CVE-1", "high"),
      vulnerability("CVE-1", "high"),
      vulnerability("CVE-1", "high", { package: "other" }),
    ];
    assert.deepEqual(judge({ maxVulnerabilities: { high: 2 } }, [covering(report(twice))]), []);
    assert.match(judge({ maxVulnerabilities: { high: 1 } }, [covering(report(twice))])[0]?.detail ?? "", /^2 high/);
  });

  it("scores 100 minus 25, 10, 3 and 1, and not below 0", () => {
    const all = (["critical", "high", "medium", "low", "unknown"] as const).map((severity) =>
      vulnerability(`CVE-${severity}`, severity),
    );
    assert.deepEqual(judge({ minScore: 61 }, [covering(report(all))]), []);
    assert.match(judge({ minScore: 62 }, [covering(report(all))])[0]?.detail ?? "", /scan score 61, at least 62/);
    const many = Array.from({ length: 9 }, (_, index) => vulnerability(`CVE-${index}`, "critical"));
    assert.match(judge({ minScore: 1 }, [covering(report(many))])[0]?.detail ?? "", /scan score 0,/);
  });

  it("refuses a date ahead of the clock, and none where maxAge needs one", () => {
    assert.deepEqual(judge({ maxAge: "24h" }, [covering(report([], "2026-11-20T12:05:00.000Z"))]), []);
    const ahead = report([], "2026-11-20T12:05:00.001Z");
    assert.deepEqual(reasons(judge({ maxAge: "24h" }, [covering(ahead)])), ["ScanInvalid"]);
    // Of several one is enough, whatever the others say.
    assert.deepEqual(reasons(judge({ maxAge: "24h" }, [covering(report([]), ahead)])), ["ScanInvalid"]);
    assert.deepEqual(reasons(judge({ maxAge: "24h" }, [covering(report([], null), ahead)])), ["ScanInvalid"]);
    assert.deepEqual(judge({ maxAge: "24h" }, [covering(report([], "2026-11-20T12:04:59Z"))]), []);
    assert.deepEqual(reasons(judge({}, [covering(report([], "2026-11-20T12:05:01Z"))])), ["ScanInvalid"]);
    assert.deepEqual(reasons(judge({ maxAge: "24h" }, [covering(report([], null))])), ["ScanInvalid"]);
    assert.deepEqual(judge({}, [covering(report([], null))]), []);
  });

  it("takes the worst of several reports, and the freshness of the newest", () => {
    const old = report([LOG4SHELL], "2026-11-01T00:00:00Z");
    const fresh = report([]);
    assert.deepEqual(reasons(judge({ maxAge: "24h", maxVulnerabilities: { critical: 0 } }, [covering(fresh, old)])), [
      "ScanVulnerable",
    ]);
    assert.deepEqual(reasons(judge({ maxAge: "24h" }, [covering(fresh, old)])), []);
  });

  it("takes the lowest score of several reports", () =>
    assert.match(
      judge({ minScore: 80 }, [covering(report([]), report([LOG4SHELL]))])[0]?.detail ?? "",
      /scan score 75/,
    ));

  it("counts a denied vulnerability against the score as well, though it is allowed", () =>
    assert.deepEqual(
      reasons(
        judge({ minScore: 80, denyCVEs: [LOG4SHELL.id], allowCVEs: [{ id: LOG4SHELL.id, reason: "r" }] }, [
          covering(report([LOG4SHELL])),
        ]),
      ),
      ["ScanVulnerable", "ScanScoreLow"],
    ));

  it("does not let one moment's verdict stand for another's, though report and rule are the same", () => {
    const expiry = { id: LOG4SHELL.id, reason: "r", expires: "2026-11-20T13:00:00Z" };
    const { rule } = compileScan({ maxVulnerabilities: { critical: 0 }, allowCVEs: [expiry] });
    const facts: ImageFacts = {
      signatures: new Map(),
      attestations: new Map(),
      scans: new Map(rule.sources.map(({ id }) => [id, covering(report([LOG4SHELL]))])),
    };
    const at = (now: number): string[] =>
      reasons(judgeScan(rule, facts, { mode: "audit", template: false, reference: WEB, now, createdAt: NOW }));
    const expired = Date.parse(expiry.expires);
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(at(expired - 1), []);
      assert.deepEqual(at(expired), ["ScanVulnerable"]);
    }
  });

  it("judges every platform by itself", () => {
    const coverage: readonly ScanCoverage[] = [
      { platform: "linux/amd64", reports: [report([])] },
      { platform: "linux/arm64", reports: [report([LOG4SHELL])] },
    ];
    const [finding, ...rest] = judge({ maxVulnerabilities: { critical: 0 } }, [
      { status: "verified", value: coverage },
    ]);
    assert.match(finding?.detail ?? "", /^linux\/arm64: 1 critical/);
    assert.deepEqual(rest, []);
  });

  describe("sources", () => {
    const two: Scan = {
      sources: [{ attestation: { authorities: ["ci"] } }, { imageAnnotation: { key: "k" } }],
      maxVulnerabilities: { critical: 0 },
    };
    const rows: readonly [string, ScanOutcome, ScanOutcome, readonly string[]][] = [
      ["the first that has a report decides", covering(report([])), covering(report([LOG4SHELL])), []],
      ["the second is asked where the first has none", ABSENT, covering(report([LOG4SHELL])), ["ScanVulnerable"]],
      ["an unavailable first is not passed over", DOWN, covering(report([])), ["EvidenceUnavailable"]],
      [
        "an invalid first is not passed over",
        { status: "invalid", reason: "ScanMismatch", message: "m" },
        covering(report([])),
        ["ScanMismatch"],
      ],
      ["none at all is missing", ABSENT, ABSENT, ["ScanMissing"]],
    ];
    // One of its platforms could not be told; of the others the first source says this.
    const partly = (rest: NonNullable<ScanOutcome["rest"]>): ScanOutcome => ({ ...DOWN, rest });
    const vulnerable = { status: "verified", value: [{ reports: [report([LOG4SHELL])] }] } as const;
    const clean = { status: "verified", value: [{ reports: [report([])] }] } as const;
    const parts: typeof rows = [
      [
        "what refuses a part refuses",
        partly(vulnerable),
        covering(report([])),
        ["ScanVulnerable", "EvidenceUnavailable"],
      ],
      ["what refuses no part is no pass", partly(clean), covering(report([LOG4SHELL])), ["EvidenceUnavailable"]],
      [
        "where a part has no report the second is asked",
        partly({ status: "absent", message: "none" }),
        covering(report([LOG4SHELL])),
        ["ScanVulnerable", "EvidenceUnavailable"],
      ],
      [
        "what the second says well is no pass",
        partly({ status: "absent", message: "none" }),
        covering(report([])),
        ["EvidenceUnavailable"],
      ],
      [
        "a part without a report anywhere has none",
        partly({ status: "absent", message: "none" }),
        ABSENT,
        ["ScanMissing", "EvidenceUnavailable"],
      ],
    ];
    for (const [what, first, second, expected] of [...rows, ...parts]) {
      it(what, () => assert.deepEqual(reasons(judge(two, [first, second])), expected));
    }
    it("a source that was not asked is a defect, never a pass and nothing that onUnavailable settles", () => {
      const [finding] = judge(two, []);
      assert.equal(finding?.reason, "EvidenceUnavailable");
      assert.equal(finding?.unavailable, "configuration");
    });
    it("an authority that does not compile is a fault of the configuration", () => {
      const { rule } = compileScan({ sources: [{ attestation: { authorities: ["gone"] } }] });
      const facts: ImageFacts = {
        signatures: new Map(),
        attestations: new Map(),
        scans: new Map(rule.sources.map(({ id }) => [id, ABSENT])),
      };
      const [finding] = judgeScan(rule, facts, {
        mode: "admission",
        template: false,
        reference: WEB,
        now: NOW,
        createdAt: NOW,
      });
      assert.equal(finding?.reason, "EvidenceUnavailable");
      assert.equal(finding?.unavailable, "configuration");
    });
    it("a part that does not compile is a fault of the configuration", () => {
      const { rule, faults } = compileScan({ maxAge: "1 day" });
      assert.deepEqual(
        faults.map(({ path }) => path),
        ["spec.scan.maxAge"],
      );
      const facts: ImageFacts = {
        signatures: new Map(),
        attestations: new Map(),
        scans: new Map(rule.sources.map(({ id }) => [id, covering(report([]))])),
      };
      assert.deepEqual(
        judgeScan(rule, facts, { mode: "admission", template: false, reference: WEB, now: NOW, createdAt: NOW }).map(
          ({ unavailable }) => unavailable,
        ),
        ["configuration"],
      );
    });
  });

  describe("VulnerabilityReports only", () => {
    const spec: Scan = {
      sources: [{ vulnerabilityReport: { namespaces: ["*"], grace: "15m" } }],
      maxVulnerabilities: { critical: 0 },
    };
    it("templates are not judged", () => assert.deepEqual(judge(spec, [ABSENT], {}, { template: true }), []));
    it("a new pod is let in with a warning until its grace has passed", () => {
      assert.deepEqual(reasons(judge(spec, [ABSENT], {}, { createdAt: NOW - 14 * 60_000 })), ["ScanMissing(warn)"]);
      assert.deepEqual(reasons(judge(spec, [ABSENT], {}, { createdAt: NOW - 15 * 60_000 })), ["ScanMissing"]);
    });
    it("there is no grace without the field, nor for what the report says", () => {
      assert.deepEqual(reasons(judge({ sources: [{ vulnerabilityReport: {} }] }, [ABSENT])), ["ScanMissing"]);
      assert.deepEqual(reasons(judge(spec, [covering(report([LOG4SHELL]))])), ["ScanVulnerable"]);
    });
    it("a source beside them makes the rule hold for templates too, and ends the grace", () => {
      const two: Scan = { ...spec, sources: [...(spec.sources ?? []), { imageAnnotation: {} }] };
      assert.deepEqual(reasons(judge(two, [ABSENT, ABSENT], {}, { template: true })), ["ScanMissing"]);
      const bad = covering(report([LOG4SHELL]));
      assert.deepEqual(reasons(judge(two, [ABSENT, bad], {}, { template: true })), ["ScanVulnerable"]);
      assert.deepEqual(reasons(judge(two, [ABSENT, ABSENT])), ["ScanMissing"]);
    });
    it("the author is told", () =>
      assert.deepEqual(
        compileScan(spec).advice.map(({ type }) => type),
        ["ScanAfterAdmission"],
      ));
  });

  describe("runningImages", () => {
    const spec: Scan = { maxAge: "30m", maxVulnerabilities: { critical: 0 }, minScore: 80, runningImages: "Warn" };
    const bad = covering(report([LOG4SHELL]));
    it("Warn softens what time brings, for a digest that the namespace runs", () =>
      assert.deepEqual(reasons(judge(spec, [bad], { runsAlready: true })), [
        "ScanStale(warn)",
        "ScanVulnerable(warn)",
        "ScanScoreLow(warn)",
      ]));
    it("nothing is softened for another digest, in audits, or with Deny", () => {
      const hard = ["ScanStale", "ScanVulnerable", "ScanScoreLow"];
      assert.deepEqual(reasons(judge(spec, [bad], { runsAlready: false })), hard);
      assert.deepEqual(reasons(judge(spec, [bad], { runsAlready: true }, { mode: "audit" })), hard);
      assert.deepEqual(reasons(judge({ ...spec, runningImages: "Deny" }, [bad], { runsAlready: true })), hard);
    });
    it("a missing scan stays missing", () =>
      assert.deepEqual(reasons(judge(spec, [ABSENT], { runsAlready: true })), ["ScanMissing"]));
  });

  describe("vex", () => {
    const statement = (more: object): object => ({
      vulnerability: { name: "CVE-2021-44228" },
      products: [{ "@id": "pkg:oci/web" }],
      status: "not_affected",
      justification: "vulnerable_code_not_in_execute_path",
      ...more,
    });
    const document = (...statements: readonly object[]): object => ({
      "@context": "https://openvex.dev/ns/v0.2.0",
      timestamp: "2026-11-10T00:00:00Z",
      statements,
    });
    const purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
    const scanned = covering(report([{ ...LOG4SHELL, purl: `${purl}?arch=amd64` }]));
    const spec: Scan = { maxVulnerabilities: { critical: 0 }, vex: { authorities: ["ci"] } };
    const said = (...documents: readonly object[]): Partial<ImageFacts> => ({
      allAttested: new Map<string, AttestationOutcome>([
        [
          attestationKey("https://openvex.dev/ns", "ci-id"),
          {
            status: "verified",
            value: documents.map((predicate) => ({
              predicateType: "https://openvex.dev/ns",
              predicate,
              statement: {},
              proof: { fingerprint: "f", signer: "f" },
            })),
          },
        ],
      ]),
    });
    const rows: readonly [string, object, boolean][] = [
      ["not_affected with a justification", statement({}), true],
      ["not_affected without a reason", statement({ justification: undefined }), false],
      [
        "not_affected with an impact statement",
        statement({ justification: undefined, impact_statement: "no JNDI" }),
        true,
      ],
      ["fixed", statement({ status: "fixed" }), true],
      ["affected", statement({ status: "affected" }), false],
      ["under_investigation", statement({ status: "under_investigation" }), false],
      ["another vulnerability", statement({ vulnerability: { name: "CVE-2021-45046" } }), false],
      [
        "an alias of the vulnerability",
        statement({ vulnerability: { name: "GHSA-x", aliases: ["CVE-2021-44228"] } }),
        true,
      ],
      [
        "a plain string of OpenVEX 0.0.1",
        statement({ vulnerability: "CVE-2021-44228", products: ["pkg:oci/web"] }),
        true,
      ],
      ["this digest as product", statement({ products: [{ "@id": `pkg:oci/web@sha256%3A${"a".repeat(64)}` }] }), true],
      [
        "another digest as product",
        statement({ products: [{ "@id": `pkg:oci/web@sha256%3A${"b".repeat(64)}` }] }),
        false,
      ],
      ["the package as product", statement({ products: [{ "@id": purl }] }), true],
      [
        "a package of the same name in another group as product",
        statement({ products: [{ "@id": purl.replace("org.apache.logging.log4j", "org.example") }] }),
        false,
      ],
      [
        "a package of the same name in another ecosystem as product",
        statement({ products: [{ "@id": purl.replace("maven", "npm") }] }),
        false,
      ],
      [
        "a product of another type with this digest",
        statement({ products: [{ "@id": `pkg:generic/web@sha256%3A${"a".repeat(64)}` }] }),
        false,
      ],
      [
        "a product by this image's name with its digest",
        statement({ products: [{ "@id": `x@sha256:${"a".repeat(64)}` }] }),
        true,
      ],
      ["a product by another digest", statement({ products: [{ "@id": `x@sha256:${"b".repeat(64)}` }] }), false],
      ["a product that is nobody's", statement({ products: [{ "@id": "web" }] }), false],
      ["another package as product", statement({ products: [{ "@id": "pkg:maven/a/b@1" }] }), false],
      [
        "the package as subcomponent",
        statement({ products: [{ "@id": "pkg:oci/web", subcomponents: [{ "@id": purl }] }] }),
        true,
      ],
      [
        "another version as subcomponent",
        statement({
          products: [{ "@id": "pkg:oci/web", subcomponents: [{ "@id": purl.replace("2.14.1", "2.14.0") }] }],
        }),
        false,
      ],
      [
        "another architecture's package as subcomponent",
        statement({ products: [{ "@id": "pkg:oci/web", subcomponents: [{ "@id": `${purl}?arch=arm64` }] }] }),
        false,
      ],
      [
        "a qualifier that the report does not give",
        statement({ products: [{ "@id": "pkg:oci/web", subcomponents: [{ "@id": `${purl}?type=jar` }] }] }),
        true,
      ],
      [
        "a subcomponent that is named by a CPE only",
        statement({
          products: [{ "@id": "pkg:oci/web", subcomponents: [{ identifiers: { cpe23: "cpe:2.3:a:x:y:1" } }] }],
        }),
        false,
      ],
      [
        "subcomponents of the statement that are no list",
        statement({ products: [{ "@id": "pkg:oci/web" }], subcomponents: { "@id": purl } }),
        false,
      ],
      [
        "an empty list of subcomponents",
        statement({ products: [{ "@id": "pkg:oci/web", subcomponents: [] }], subcomponents: null }),
        true,
      ],
      ["another image as product", statement({ products: [{ "@id": "pkg:oci/api" }] }), false],
      [
        "this repository as product",
        statement({ products: [{ "@id": "pkg:oci/web?repository_url=registry.company.com%2Fweb" }] }),
        true,
      ],
      [
        "the same name in another registry as product",
        statement({ products: [{ "@id": "pkg:oci/web?repository_url=docker.io%2Fevil%2Fweb" }] }),
        false,
      ],
      ["this image by a tag", statement({ products: [{ "@id": "pkg:oci/web@v1" }] }), false],
      [
        "another repository of this registry as product",
        statement({ products: [{ "@id": "pkg:oci/web?repository_url=registry.company.com%2Fother%2Fweb" }] }),
        false,
      ],
      [
        "a docker package URL of this repository",
        statement({ products: [{ "@id": "pkg:docker/web?repository_url=registry.company.com" }] }),
        true,
      ],
      [
        "a docker package URL of the same name on Docker Hub",
        statement({ products: [{ "@id": "pkg:docker/web" }] }),
        false,
      ],
      ["this digest alone as product", statement({ products: [{ "@id": `sha256:${"a".repeat(64)}` }] }), true],
      ["another digest alone as product", statement({ products: [{ "@id": `sha256:${"b".repeat(64)}` }] }), false],
      [
        "this digest in the hashes of a product",
        statement({ products: [{ hashes: { "sha-256": "a".repeat(64) } }] }),
        true,
      ],
      [
        "a digest that differs at its end in the hashes of a product",
        statement({ products: [{ hashes: { "sha-256": `${"a".repeat(63)}b` } }] }),
        false,
      ],
      ["no product", statement({ products: undefined }), true],
      ["no list of products", statement({ products: {} }), false],
    ];
    for (const [what, one, excused] of rows) {
      it(`${what} ${excused ? "takes the CVE off the count" : "does not"}`, () =>
        assert.deepEqual(reasons(judge(spec, [scanned], said(document(one)))), excused ? [] : ["ScanVulnerable"]));
    }
    it("about one CVE of an advisory excuses none of the others", () => {
      const advisory = vulnerability("ALAS-2021-1704", "critical", { aliases: ["CVE-2021-44228", "CVE-2021-45046"] });
      const about = (name: string, more: object = {}): object => statement({ vulnerability: { name }, ...more });
      const later = { status: "affected", timestamp: "2026-11-12T00:00:00Z" };
      const rows: readonly [readonly object[], boolean][] = [
        [[about("CVE-2021-44228")], false],
        [[about("CVE-2021-44228"), about("CVE-2021-45046")], true],
        [[about("ALAS-2021-1704")], true],
        [[about("ALAS-2021-1704"), about("CVE-2021-45046", later)], false],
        [[about("CVE-2021-44228"), about("CVE-2021-45046"), about("ALAS-2021-1704", later)], false],
      ];
      for (const [statements, excused] of rows)
        assert.deepEqual(
          reasons(judge(spec, [covering(report([advisory]))], said(document(...statements)))),
          excused ? [] : ["ScanVulnerable"],
          JSON.stringify(statements),
        );
    });
    it("the newest statement decides", () => {
      const later = document({ ...statement({ status: "affected" }), timestamp: "2026-11-12T00:00:00Z" });
      assert.deepEqual(reasons(judge(spec, [scanned], said(document(statement({})), later))), ["ScanVulnerable"]);
    });
    it("of two at the same time the one that does not excuse decides", () => {
      const [excuse, no] = [statement({}), statement({ status: "affected" })];
      for (const both of [
        [excuse, no],
        [no, excuse],
      ])
        assert.deepEqual(reasons(judge(spec, [scanned], said(document(...both)))), ["ScanVulnerable"]);
    });
    it("a newer statement takes back what it may be about, though the report or the statement does not name the package well", () => {
      const later = (more: object): object => ({
        ...document(statement({ status: "affected", ...more })),
        timestamp: "2026-11-12T00:00:00Z",
      });
      const subcomponents = [{ "@id": purl }];
      const cpe = [{ identifiers: { cpe23: "cpe:2.3:a:x:y:1" } }];
      const unnamed = covering(report([LOG4SHELL]));
      const rows: readonly [string, ScanOutcome, object, boolean][] = [
        [
          "of a package, where the report has no package URLs",
          unnamed,
          { products: [{ "@id": "pkg:oci/web", subcomponents }] },
          false,
        ],
        ["of a package as product, where the report has none", unnamed, { products: [{ "@id": purl }] }, false],
        ["of a CPE", scanned, { products: [{ "@id": "pkg:oci/web", subcomponents: cpe }] }, false],
        [
          "of a product by a name of its own",
          scanned,
          { products: [{ "@id": "https://company.com/products/web" }] },
          false,
        ],
        [
          "of another package",
          scanned,
          { products: [{ "@id": "pkg:oci/web", subcomponents: [{ "@id": "pkg:npm/x@1" }] }] },
          true,
        ],
        ["of this image by a tag", scanned, { products: [{ "@id": "pkg:oci/web@v1" }] }, false],
        [
          "of this repository by a tag",
          scanned,
          { products: [{ "@id": "pkg:docker/web@v1?repository_url=registry.company.com" }] },
          false,
        ],
        ["of another image by a tag", scanned, { products: [{ "@id": "pkg:oci/api@v1" }] }, true],
        ["of another image", scanned, { products: [{ "@id": "pkg:oci/api" }] }, true],
        ["of another digest", unnamed, { products: [{ "@id": `x@sha256:${"b".repeat(64)}` }] }, true],
        [
          "of another digest of this image",
          unnamed,
          { products: [{ "@id": `pkg:oci/web@sha256%3A${"b".repeat(64)}` }] },
          true,
        ],
        ["of no list of products", scanned, { products: {} }, false],
      ];
      for (const [what, outcome, more, excused] of rows)
        assert.deepEqual(
          reasons(judge(spec, [outcome], said(document(statement({})), later(more)))),
          excused ? [] : ["ScanVulnerable"],
          what,
        );
    });
    it("a statement without a time excuses nothing, and takes back what others excuse", () => {
      // The last one would be the 2nd of March to JavaScript, and local time the one before.
      for (const timestamp of [undefined, "yesterday", "2026-11-11T00:00:00", "2026-02-30T00:00:00Z"]) {
        const undated = (status: string): object => ({ timestamp, statements: [statement({ status })] });
        assert.deepEqual(reasons(judge(spec, [scanned], said(undated("fixed")))), ["ScanVulnerable"]);
        const both = said(document(statement({})), undated("affected"));
        assert.deepEqual(reasons(judge(spec, [scanned], both)), ["ScanVulnerable"]);
      }
    });
    it("is read anew when the evidence changes, though the report and the rule are the same", () => {
      const { rule } = compileScan(spec);
      const judged = (more: Partial<ImageFacts>): string[] =>
        reasons(
          judgeScan(
            rule,
            {
              signatures: new Map(),
              attestations: new Map(),
              digest: { status: "verified", value: `sha256:${"a".repeat(64)}` },
              scans: new Map(rule.sources.map(({ id }) => [id, scanned])),
              ...more,
            },
            { mode: "admission", template: false, reference: WEB, now: NOW, createdAt: NOW },
          ),
        );
      const [fixed, affected] = [said(document(statement({}))), said(document(statement({ status: "affected" })))];
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(judged(fixed), []);
        assert.deepEqual(judged(affected), ["ScanVulnerable"]);
        assert.deepEqual(judged({}), ["ScanVulnerable"]);
      }
    });
    it("is read anew for another digest, and when another of its outcomes changes", () => {
      const { rule } = compileScan(spec);
      const mine = statement({ products: [{ "@id": `pkg:oci/web@sha256%3A${"a".repeat(64)}` }] });
      const outcomeOf = (type: string, one: object): [string, AttestationOutcome] => [
        attestationKey(type, "ci-id"),
        {
          status: "verified",
          value: [{ predicateType: type, predicate: one, statement: {}, proof: { fingerprint: "f", signer: "f" } }],
        },
      ];
      const first = outcomeOf("https://openvex.dev/ns", document(mine));
      const judged = (letter: string, ...others: [string, AttestationOutcome][]): string[] =>
        reasons(
          judgeScan(
            rule,
            {
              signatures: new Map(),
              attestations: new Map(),
              allAttested: new Map([first, ...others]),
              digest: { status: "verified", value: `sha256:${letter.repeat(64)}` },
              scans: new Map(rule.sources.map(({ id }) => [id, scanned])),
            },
            { mode: "admission", template: false, reference: WEB, now: NOW, createdAt: NOW },
          ),
        );
      const versioned = "https://openvex.dev/ns/v0.2.0";
      const later = { ...mine, status: "affected", timestamp: "2026-11-12T00:00:00Z" };
      assert.deepEqual(judged("a"), []);
      assert.deepEqual(judged("b"), ["ScanVulnerable"]);
      assert.deepEqual(judged("a", outcomeOf(versioned, document())), []);
      assert.deepEqual(judged("a", outcomeOf(versioned, document(later))), ["ScanVulnerable"]);
      assert.deepEqual(judged("a"), []);
      assert.deepEqual(judged("a", outcomeOf(versioned, document(later))), ["ScanVulnerable"]);
    });
    it("is read anew for another repository of the same digest", () => {
      const { rule } = compileScan(spec);
      const evidence = said(document(statement({ products: [{ "@id": "pkg:oci/web" }] })));
      const judged = (name: string): string[] => {
        const other = parseReference(name);
        assert.ok(other.status === "ok");
        const facts: ImageFacts = {
          signatures: new Map(),
          attestations: new Map(),
          digest: { status: "verified", value: `sha256:${"a".repeat(64)}` },
          scans: new Map(rule.sources.map(({ id }) => [id, scanned])),
          ...evidence,
        };
        const context = { mode: "admission", template: false, now: NOW, createdAt: NOW } as const;
        return reasons(judgeScan(rule, facts, { ...context, reference: other.reference }));
      };
      assert.deepEqual(judged("registry.company.com/web:1"), []);
      assert.deepEqual(judged("registry.company.com/api:1"), ["ScanVulnerable"]);
    });
    it("weighs no more than 256 statements about one vulnerability, and believes none beyond", () => {
      const about = (count: number): Partial<ImageFacts> =>
        said(document(...Array.from({ length: count }, () => statement({}))));
      assert.deepEqual(reasons(judge(spec, [scanned], about(256))), []);
      assert.deepEqual(reasons(judge(spec, [scanned], about(257))), ["ScanVulnerable"]);
    });
    it("excuses nothing while something that may say otherwise is buried or cannot be had", () => {
      const buried = { status: "invalid", reason: "AttestationInvalid", message: "x", buried: true } as const;
      const down = { status: "unavailable", cause: "kms", message: "x" } as const;
      const { allAttested = new Map() } = said(document(statement({})));
      const other = attestationKey("https://openvex.dev/ns/v0.2.0", "ci-id");
      for (const outcome of [buried, down])
        assert.deepEqual(
          reasons(judge(spec, [scanned], { allAttested: new Map([...allAttested, [other, outcome]]) })),
          ["ScanVulnerable"],
        );
    });
    const told: readonly (readonly [why: string, said: object, told: RegExp | undefined])[] = [
      ["nothing", statement({ vulnerability: { name: "CVE-1" } }), undefined],
      ["affected", statement({ status: "affected" }), /CVE-2021-44228: the newest statement says affected; update/],
      [
        "no reason",
        statement({ justification: undefined }),
        /the newest statement says not_affected without a justification or an impact statement;/,
      ],
      [
        "another image",
        statement({ products: [{ "@id": "pkg:oci/other" }] }),
        /the statement is about something else \(pkg:oci\/other\);/,
      ],
      [
        "a name of its author's own",
        statement({ products: [{ "@id": "our web\u001b[2J" }] }),
        /the statement does not tell what it is about \(our web\\u\{1b\}\[2J\);/,
      ],
      ["no time", statement({ timestamp: "yesterday" }), /the statement has no time;/],
    ];
    for (const [why, one, expected] of told) {
      it(`is told where it did not help: ${why}`, () => {
        const [found] = judge(spec, [scanned], said(document(one)));
        assert.equal(found?.reason, "ScanVulnerable");
        if (expected === undefined) assert.doesNotMatch(found.detail, /OpenVEX/);
        else assert.match(found.detail, expected);
        assert.deepEqual(judge({ ...spec, maxVulnerabilities: { critical: 1 } }, [scanned], said(document(one))), []);
      });
    }
    it("is told where it cannot be used, or does not count", () => {
      const key = attestationKey("https://openvex.dev/ns", "ci-id");
      const outcomes: readonly AttestationOutcome[] = [
        { status: "invalid", reason: "AttestationUntrusted", message: "another key" },
        { status: "unavailable", cause: "network", message: "another key" },
        { status: "invalid", reason: "AttestationInvalid", message: "another key", buried: true },
      ];
      for (const outcome of outcomes) {
        const [found] = judge(spec, [scanned], { allAttested: new Map([[key, outcome]]) });
        assert.match(found?.detail ?? "", /; OpenVEX takes nothing off: another key; update/);
      }
    });
    it("without vex in the policy nothing is excused", () =>
      assert.deepEqual(
        reasons(judge({ maxVulnerabilities: { critical: 0 } }, [scanned], said(document(statement({}))))),
        ["ScanVulnerable"],
      ));
    it("denyCVEs is stronger", () =>
      assert.deepEqual(
        reasons(judge({ ...spec, denyCVEs: ["CVE-2021-44228"] }, [scanned], said(document(statement({}))))),
        ["ScanVulnerable"],
      ));
  });

  it("tells the author of sources that can be forged", () => {
    const advice = (spec: Scan, signed: boolean): string[] => compileScan(spec, signed).advice.map(({ type }) => type);
    assert.deepEqual(advice({}, false), ["ForgeableSource"]);
    assert.deepEqual(advice({}, true), []);
    assert.deepEqual(advice({ sources: [{ podAnnotation: { key: "k" } }] }, true), ["ForgeableSource"]);
    assert.deepEqual(advice({ sources: [{ attestation: { authorities: ["ci"] } }] }, false), []);
  });
});
