import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicySpec, Scan } from "../../../crds/types.ts";
import { makeImage, makeIndex, type Image } from "../../../sandbox/registry/images.ts";
import { vulnerabilityReportObject, type Found } from "../../unit/evidence/scan/reports.ts";
import { clusterTimeout } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { cleanUp, pod, policy } from "../operator/operatorUnderTest.ts";
import { findTool, run, toolTimeout } from "../registry-tools/tools.ts";
import {
  ago,
  attach,
  Attester,
  CRITICAL,
  HOUR,
  REPOSITORY,
  scanStatement,
  startScanUnderTest,
  trivyOf,
  VULNERABILITY_REPORTS,
  type ScanUnderTest,
} from "./scanUnderTest.ts";

const KEY = "trivy.scan.result";
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };

describe("the scan gate", function () {
  this.timeout(30_000);
  let test: ScanUnderTest;
  let images = 0;

  before(async function () {
    this.timeout(clusterTimeout);
    test = await startScanUnderTest();
  });
  after(async function () {
    this.timeout(30_000);
    await test?.stop();
  });
  afterEach(async () => {
    test.ahead(0);
    await cleanUp(test.cluster);
  });

  /** An image that no other test has. */
  const fresh = (more: Parameters<typeof makeImage>[0] = {}): Image =>
    makeImage({ layers: [{ number: String(++images) }], ...more });
  /** The same image with its report in its manifest, as the last step of a pipeline writes it. */
  const annotated = (
    found: readonly Found[],
    options: { createdAt?: string; about?: Image; platform?: typeof amd64 } = {},
  ): Image => {
    const layers = [{ number: String(++images) }];
    const { platform = amd64 } = options;
    const about = options.about ?? makeImage({ layers, platform });
    return makeImage({
      layers,
      platform,
      annotations: { [KEY]: JSON.stringify(trivyOf(about, found, options.createdAt)) },
    });
  };

  const enforce = async (spec: PolicySpec, name = "scan-gate"): Promise<void> => {
    const { code, stderr } = await test.cluster.kubectl("apply", "-f", "-", policy(name, spec));
    assert.equal(code, 0, stderr);
    await eventually(async () => {
      const { stdout } = await test.cluster.kubectl(
        "get",
        "isp",
        name,
        "-o",
        "jsonpath={.status.conditions[?(@.type=='Ready')].status}",
      );
      assert.equal(stdout, "True");
    });
  };
  /** Creates a pod; gives `created` and warnings, or what it was refused for. */
  const create = async (namespace: string, image: string): Promise<string> => {
    const { code, stdout, stderr } = await test.cluster.kubectl(
      "create",
      "-f",
      "-",
      pod(namespace, `pod-${++images}`, image),
    );
    return code === 0 ? `${stdout} ${stderr}` : stderr;
  };
  const refused = async (namespace: string, image: string, reason: string): Promise<void> => {
    const answer = await create(namespace, image);
    assert.match(answer, new RegExp(`: ${reason}: `), answer);
    assert.doesNotMatch(answer, / created /);
  };
  const created = async (namespace: string, image: string): Promise<void> =>
    assert.match(await create(namespace, image), /^pod\/\S+ created\s*$/);
  const conditions = async (name = "scan-gate"): Promise<string> =>
    (await test.cluster.kubectl("get", "isp", name, "-o", "jsonpath={.status.conditions[?(@.status=='True')].type}"))
      .stdout;
  const reasonsIn = async (namespace: string): Promise<string> => {
    const { stdout } = await test.cluster.kubectl(
      "get",
      "violations",
      "-n",
      namespace,
      "-o",
      "jsonpath={.items[*].summary.reasons}",
    );
    return stdout;
  };

  const gate = (more: Scan = {}): PolicySpec => ({
    match: { namespaces: ["scan-*", "dev-*", "staging-*", "prod-*"] },
    scan: { maxVulnerabilities: { critical: 0 }, maxAge: "24h", ...more },
  });

  describe("of image annotations", () => {
    it("refuses what is unscanned, vulnerable or stale, and lets in what is clean", async () => {
      await enforce(gate());
      const namespace = await test.cluster.newNamespace("scan");
      await refused(namespace, test.serve(fresh()), "ScanMissing");
      await refused(namespace, test.serve(annotated([CRITICAL])), "ScanVulnerable");
      await refused(namespace, test.serve(annotated([], { createdAt: ago(25 * HOUR) })), "ScanStale");
      await refused(namespace, test.serve(annotated([], { createdAt: ago(-HOUR) })), "ScanInvalid");
      await created(namespace, test.serve(annotated([])));
      await refused(namespace, test.serve(annotated([], { about: fresh() })), "ScanMismatch");
      const answer = await create(namespace, test.serve(annotated([CRITICAL])));
      assert.match(answer, /1 critical \(CVE-2021-44228 log4j-core 2\.14\.1 -> 2\.15\.0\), at most 0 allowed/);
      await eventually(async () => assert.match(await conditions(), /ForgeableSource/));
    });

    it("refuses templates as well", async () => {
      await enforce(gate());
      const namespace = await test.cluster.newNamespace("scan");
      const image = test.serve(annotated([CRITICAL]));
      const { code, stderr } = await test.cluster.kubectl(
        "create",
        "deployment",
        "web",
        `--image=${image}`,
        "-n",
        namespace,
      );
      assert.notEqual(code, 0);
      assert.match(stderr, /ScanVulnerable/);
    });

    it("can be laxer in dev and staging than in prod, by match", async () => {
      const only = (
        namespaces: readonly string[],
        maxVulnerabilities: Scan["maxVulnerabilities"],
        more: Scan = {},
      ): PolicySpec => ({
        match: { namespaces: [...namespaces] },
        scan: { maxVulnerabilities: maxVulnerabilities ?? {}, ...more },
      });
      await enforce(only(["dev-*"], { critical: 5 }), "dev");
      await enforce(only(["staging-*"], { critical: 1, high: 5 }), "staging");
      await enforce(only(["prod-*"], { critical: 0, high: 0 }, { maxAge: "24h" }), "prod");
      const namespaces = await Promise.all(["dev", "staging", "prod"].map((name) => test.cluster.newNamespace(name)));
      const [dev = "", staging = "", prod = ""] = namespaces;
      const high: Found = { id: "CVE-2024-1", severity: "HIGH" };
      const image = test.serve(annotated([CRITICAL, high]));
      await created(dev, image);
      await created(staging, image);
      await refused(prod, image, "ScanVulnerable");
      const worse = test.serve(annotated([CRITICAL, { ...CRITICAL, id: "CVE-2024-2" }]));
      await created(dev, worse);
      await refused(staging, worse, "ScanVulnerable");
    });

    it("is not fooled by one clean platform of several", async () => {
      await enforce(gate());
      const namespace = await test.cluster.newNamespace("scan");
      const clean = annotated([]);
      await created(namespace, test.serve(makeIndex([clean, annotated([], { platform: arm64 })])));
      await refused(
        namespace,
        test.serve(makeIndex([clean, annotated([CRITICAL], { platform: arm64 })])),
        "ScanVulnerable",
      );
      await refused(namespace, test.serve(makeIndex([clean, fresh({ platform: arm64 })])), "ScanMissing");
    });

    it("takes what crane writes", async function () {
      this.timeout(toolTimeout);
      const crane = await findTool("crane");
      if (crane === undefined) {
        console.log("        skipped: crane is built with Go, and there is no `go` on PATH");
        return this.skip();
      }
      await enforce(gate());
      const namespace = await test.cluster.newNamespace("scan");
      const { host, store } = test.registry;
      const directory = test.cluster.controlPlane.directory;
      for (const [found, tag] of [
        [[CRITICAL], "bad"],
        [[], "clean"],
      ] as const) {
        const image = fresh();
        test.serve(image, `unscanned-${tag}`);
        await refused(namespace, `${REPOSITORY}@${image.digest}`, "ScanMissing");
        await writeFile(join(directory, "scan.json"), JSON.stringify(trivyOf(image, found), null, 2));
        // The command of docs/scans.md.
        const command = `crane mutate --annotation "\\"${KEY}=$(sed 's/"/""/g' scan.json)\\",${KEY}.format=json" -t ${host}/web:${tag} ${host}/web:unscanned-${tag}`;
        const env = { ...process.env, PATH: `${join(crane, "..")}:${process.env["PATH"]}`, HOME: directory };
        const { code, stderr } = await run("sh", ["-c", command], { cwd: directory, env });
        assert.equal(code, 0, stderr);
        const digest = store.manifest("web", tag)?.digest ?? "";
        if (found.length > 0) await refused(namespace, `${REPOSITORY}@${digest}`, "ScanVulnerable");
        else await created(namespace, `${REPOSITORY}@${digest}`);
      }
    });
  });

  describe("of attestations", () => {
    const ci = new Attester();
    const stranger = new Attester();
    const attested = (): PolicySpec => ({
      ...gate({ sources: [{ attestation: { authorities: ["ci"] } }] }),
      authorities: [{ name: "ci", key: { pem: ci.pem }, transparencyLog: "Ignored" }],
    });

    it("refuses what is unscanned, vulnerable, stale, of another signer or another image, and lets in what is clean", async () => {
      await enforce(attested());
      const namespace = await test.cluster.newNamespace("scan");
      const about = (image: Image, found: readonly Found[], at = ago(HOUR)): Uint8Array =>
        scanStatement(ci, image.digest, trivyOf(image, found, at), at);
      const put = (image: Image, ...envelopes: readonly Uint8Array[]): string => {
        const name = test.serve(image);
        if (envelopes.length > 0) attach(test, image.digest, ...envelopes);
        return name;
      };
      const [a, b, c, d, e, f, g] = [fresh(), fresh(), fresh(), fresh(), fresh(), fresh(), fresh()];
      await refused(namespace, put(a), "ScanMissing");
      await refused(namespace, put(b, about(b, [CRITICAL])), "ScanVulnerable");
      await refused(namespace, put(c, about(c, [], ago(25 * HOUR))), "ScanStale");
      const foreign = put(d, scanStatement(stranger, d.digest, trivyOf(d, [])));
      assert.match(await create(namespace, foreign), /ScanMissing: .*one is there, but it does not count/);
      await refused(namespace, put(e, scanStatement(ci, e.digest, trivyOf(f, []))), "ScanMismatch");
      await created(namespace, put(f, about(f, [])));
      // The newest counts, whatever the order.
      await refused(namespace, put(g, about(g, [CRITICAL], ago(HOUR)), about(g, [], ago(2 * HOUR))), "ScanVulnerable");
    });

    it("sees a newer scan at once where the last one was refused", async () => {
      await enforce(attested());
      const namespace = await test.cluster.newNamespace("scan");
      const image = fresh();
      const name = test.serve(image);
      attach(test, image.digest, scanStatement(ci, image.digest, trivyOf(image, [], ago(30 * HOUR)), ago(30 * HOUR)));
      await refused(namespace, name, "ScanStale");
      attach(test, image.digest, scanStatement(ci, image.digest, trivyOf(image, [])));
      // Lists and tags of the registry are kept for two seconds.
      await eventually(async () => created(namespace, name));
    });

    it("about an index covers it, about one platform does not", async () => {
      await enforce(attested());
      const namespace = await test.cluster.newNamespace("scan");
      const [one, other] = [fresh(), fresh({ platform: arm64 })];
      const index = makeIndex([one, other]);
      const name = test.serve(index);
      attach(test, one.digest, scanStatement(ci, one.digest, trivyOf(one, [])));
      await refused(namespace, name, "ScanMissing");
      attach(test, index.digest, scanStatement(ci, index.digest, trivyOf(one, [])));
      await eventually(async () => created(namespace, name));
    });

    it("of twenty thousand vulnerabilities is judged, and named briefly", async () => {
      await enforce(attested());
      const namespace = await test.cluster.newNamespace("scan");
      const image = fresh();
      const found = Array.from({ length: 20_000 }, (_, n): Found => ({ ...CRITICAL, id: `CVE-2026-${n}` }));
      const name = test.serve(image);
      attach(test, image.digest, scanStatement(ci, image.digest, trivyOf(image, found)));
      const answer = await create(namespace, name);
      assert.match(answer, /ScanVulnerable: 20000 critical \(CVE-2026-0 log4j-core/);
      assert.ok(answer.length < 2_000);
    });
  });

  describe("of VulnerabilityReports", () => {
    const spec = (more: Scan = {}): PolicySpec =>
      gate({ sources: [{ vulnerabilityReport: { namespaces: ["*"], grace: "15m" } }], ...more });
    const report = async (namespace: string, digest: string, found: readonly Found[]): Promise<void> => {
      const object = vulnerabilityReportObject(found, { digest, namespace, updated: ago(0) });
      Object.assign(object, { metadata: { namespace, name: `replicaset-${digest.slice(-8)}` } });
      const { code, stderr } = await test.cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(object) });
      assert.equal(code, 0, stderr);
    };

    it("that come after the pod: let in with a warning, then judged", async function () {
      this.timeout(60_000);
      await enforce(spec());
      await eventually(async () => assert.match(await conditions(), /ScanAfterAdmission/));
      const namespace = await test.cluster.newNamespace("scan");
      const other = await test.cluster.newNamespace("evil");
      const [bad, good] = [fresh(), fresh()];
      const names = [test.serve(bad), test.serve(good)];
      for (const name of names) assert.match(await create(namespace, name), /created.*\n?.*Warning: .*ScanMissing/s);
      // A template's image may not have run yet.
      const deployment = await test.cluster.kubectl(
        "create",
        "deployment",
        "web",
        `--image=${names[0]}`,
        "-n",
        namespace,
      );
      assert.equal(deployment.code, 0, deployment.stderr);
      await eventually(async () => assert.equal(await reasonsIn(namespace), "ScanMissing ScanMissing"));

      // trivy-operator is installed only now.
      await test.cluster.kubectl("apply", "-f", "-", { input: JSON.stringify(VULNERABILITY_REPORTS) });
      await test.cluster.kubectl(
        "wait",
        "--for=condition=Established",
        "crd/vulnerabilityreports.aquasecurity.github.io",
      );
      await report(other, bad.digest, []);
      await report(namespace, bad.digest, [CRITICAL]);
      await report(namespace, good.digest, []);
      await eventually(async () => assert.equal(await reasonsIn(namespace), "ScanVulnerable"), { within: 40_000 });
      await refused(namespace, names[0] ?? "", "ScanVulnerable");
      await created(namespace, names[1] ?? "");
    });

    it("that do not come: the audit says so", async () => {
      await enforce(spec());
      const namespace = await test.cluster.newNamespace("scan");
      const name = test.serve(fresh());
      assert.match(await create(namespace, name), /Warning: .*ScanMissing/);
      await eventually(async () => assert.equal(await reasonsIn(namespace), "ScanMissing"));
    });
  });

  it("shows in an audit what time alone made stale, or brought back", async () => {
    const expires = new Date(Date.now() + 2 * HOUR).toISOString();
    await enforce(gate({ allowCVEs: [{ id: CRITICAL.id, reason: "not reachable", expires }] }));
    const namespace = await test.cluster.newNamespace("scan");
    await created(namespace, test.serve(annotated([CRITICAL])));
    assert.equal(await reasonsIn(namespace), "");
    test.ahead(3 * HOUR);
    await eventually(async () => assert.equal(await reasonsIn(namespace), "ScanVulnerable"));
    test.ahead(25 * HOUR);
    await eventually(async () => assert.equal(await reasonsIn(namespace), "ScanStale,ScanVulnerable"));
  });

  it("lets a node be drained of what has aged, with runningImages: Warn", async () => {
    await enforce(gate({ runningImages: "Warn" }));
    const namespace = await test.cluster.newNamespace("scan");
    const elsewhere = await test.cluster.newNamespace("scan");
    const name = test.serve(annotated([]));
    const answer = await create(namespace, name);
    const [, podName = ""] = /^pod\/(\S+) created/.exec(answer) ?? [];
    const status = {
      phase: "Running",
      containerStatuses: [
        {
          name: "main",
          image: name,
          imageID: name,
          containerID: "containerd://1",
          ready: true,
          restartCount: 0,
          started: true,
          state: { running: {} },
        },
      ],
    };
    const patched = await test.cluster.kubectl(
      "patch",
      "pod",
      podName,
      "-n",
      namespace,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify({ status }),
    );
    assert.equal(patched.code, 0, patched.stderr);
    test.ahead(25 * HOUR);
    await eventually(async () => assert.match(await create(namespace, name), /created.*Warning: .*ScanStale/s));
    await refused(elsewhere, name, "ScanStale");
    // Audits still say it.
    await eventually(async () => assert.match(await reasonsIn(namespace), /ScanStale/));
  });

  it("exports what the images that run are vulnerable to", async () => {
    await enforce({ ...gate(), enforcementAction: "warn" });
    const namespace = await test.cluster.newNamespace("scan");
    await create(namespace, test.serve(annotated([CRITICAL, { id: "CVE-2024-1", severity: "LOW" }])));
    await eventually(async () => {
      const text = await (await fetch(test.operator.metricsUrl ?? "")).text();
      assert.match(
        text,
        new RegExp(`image_security_image_vulnerabilities\\{namespace="${namespace}",severity="critical"\\} 1\\n`),
      );
      assert.match(
        text,
        new RegExp(`image_security_image_vulnerabilities\\{namespace="${namespace}",severity="high"\\} 0\\n`),
      );
    });
  });

  it("judges what images are built on", async () => {
    const BASE = "org.opencontainers.image.base.name";
    await enforce({
      match: { namespaces: ["scan-*"] },
      baseImages: {
        allow: ["registry.company.com/base/**", "docker.io/library/ubuntu"],
        deprecated: [{ image: "docker.io/library/ubuntu:18.04", replacement: "docker.io/library/ubuntu:24.04" }],
        required: true,
      },
    });
    const namespace = await test.cluster.newNamespace("scan");
    const on = (base: string): string => test.serve(fresh({ labels: { [BASE]: base } }));
    await created(namespace, on("registry.company.com/base/node:24"));
    await created(namespace, on("ubuntu:24.04"));
    await refused(namespace, on("docker.io/library/alpine:3"), "BaseImageNotAllowed");
    await refused(namespace, test.serve(fresh()), "BaseImageUnknown");
    assert.match(
      await create(namespace, on("ubuntu:18.04")),
      /BaseImageDeprecated: .*rebuild on docker\.io\/library\/ubuntu:24\.04/,
    );
  });
});
