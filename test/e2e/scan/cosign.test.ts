import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeImage } from "../../../sandbox/registry/images.ts";
import { cosignVuln } from "../../unit/evidence/scan/reports.ts";
import { clusterTimeout } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { pod, policy } from "../operator/operatorUnderTest.ts";
import { run } from "../registry-tools/tools.ts";
import { ago, CRITICAL, HOUR, startScanUnderTest, trivyOf, type ScanUnderTest } from "./scanUnderTest.ts";

/** What `COSIGN` names (programs, separated by colons), or what PATH has: building it takes minutes. */
const programs = (process.env["COSIGN"] ?? "cosign:cosign2:cosign3").split(":");

describe("the scan gate over what cosign attests", function () {
  this.timeout(60_000);
  let test: ScanUnderTest;
  let directory: string;
  let found: { readonly program: string; readonly major: number }[];

  before(async function () {
    this.timeout(clusterTimeout);
    const versions = await Promise.all(
      programs.map(async (program) => {
        const version = await run(program, ["version"]).catch(() => undefined);
        const [, major] = /^GitVersion:\s+v(\d)/m.exec(`${version?.stdout}\n${version?.stderr}`) ?? [];
        return major === undefined ? [] : [{ program, major: Number(major) }];
      }),
    );
    found = versions.flat();
    if (found.length === 0) {
      console.log("      skipped: there is no cosign on PATH, and COSIGN names none");
      return this.skip();
    }
    directory = await mkdtemp(join(tmpdir(), "cosign-scan-"));
    test = await startScanUnderTest();
  });
  after(async function () {
    this.timeout(30_000);
    await test?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  it("takes Trivy's report and OpenVEX, of every cosign there is", async function () {
    this.timeout(180_000);
    for (const { program, major } of found) {
      const home = await mkdtemp(join(directory, "home-"));
      const env = {
        PATH: process.env["PATH"],
        HOME: home,
        COSIGN_PASSWORD: "",
        // Keys only: nothing has to leave this machine, and with this nothing can.
        HTTPS_PROXY: "http://127.0.0.1:1",
        HTTP_PROXY: "http://127.0.0.1:1",
      };
      const cosign = async (...args: string[]): Promise<void> => {
        const { code, stderr } = await run(program, args, { cwd: home, env });
        assert.equal(code, 0, stderr);
      };
      const offline = major < 3 ? [] : ["--use-signing-config=false"];
      const attest = async (type: string, predicate: object, digest: string): Promise<void> => {
        await writeFile(join(home, "predicate.json"), JSON.stringify(predicate));
        const keyed = ["--key", "cosign.key", "--tlog-upload=false", ...offline, "--yes", "--allow-insecure-registry"];
        const image = `${test.registry.host}/web@${digest}`;
        await cosign("attest", ...keyed, "--type", type, "--predicate", "predicate.json", image);
      };
      await cosign("generate-key-pair");
      const pem = await readFile(join(home, "cosign.pub"), "utf8");
      const name = `cosign-${major}`;
      const applied = await test.cluster.kubectl("apply", "-f", "-", {
        ...policy(name, {
          match: { namespaces: [`${name}-*`] },
          authorities: [{ name: "ci", key: { pem }, transparencyLog: "Ignored" }],
          scan: {
            sources: [{ attestation: { authorities: ["ci"] } }],
            maxVulnerabilities: { critical: 0 },
            maxAge: "24h",
            vex: { authorities: ["ci"] },
          },
        }),
      });
      assert.equal(applied.code, 0, applied.stderr);
      const namespace = await test.cluster.newNamespace(name);
      const create = async (image: string): Promise<string> => {
        const { stdout, stderr } = await test.cluster.kubectl(
          "create",
          "-f",
          "-",
          pod(namespace, `web-${Math.random().toString(36).slice(2)}`, image),
        );
        return stdout + stderr;
      };

      const clean = makeImage({ layers: [{ name, is: "clean" }] });
      const bad = makeImage({ layers: [{ name, is: "bad" }] });
      const [cleanName, badName] = [test.serve(clean), test.serve(bad)];
      await eventually(async () => assert.match(await create(cleanName), /ScanMissing/, program));
      await attest("vuln", cosignVuln(trivyOf(clean, []), ago(HOUR)), clean.digest);
      await attest("vuln", cosignVuln(trivyOf(bad, [CRITICAL]), ago(HOUR)), bad.digest);
      await eventually(async () => assert.match(await create(cleanName), / created/, program));
      await eventually(async () => assert.match(await create(badName), /ScanVulnerable/, program));
      await attest(
        "openvex",
        {
          "@context": "https://openvex.dev/ns/v0.2.0",
          "@id": "https://registry.company.com/vex/1",
          author: "security@company.com",
          timestamp: ago(0),
          version: 1,
          statements: [
            {
              vulnerability: { name: CRITICAL.id },
              products: [{ "@id": `pkg:oci/web@${bad.digest.replace(":", "%3A")}` }],
              status: "not_affected",
              justification: "vulnerable_code_not_in_execute_path",
            },
          ],
        },
        bad.digest,
      );
      await eventually(async () => assert.match(await create(badName), / created/, program));
    }
  });
});
