import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRegistry, type RegistryOptions } from "../../../sandbox/registry/server.ts";
import { findTool, run, toolTimeout } from "./tools.ts";

/** One of each category of the specification, by the suite's names. */
const demanded = ["Blob get", "Blob push", "Manifest put with subject", "Tag listing", "Referrers", "Manifest delete"];

describe("OCI distribution-spec conformance of the sandbox registry", () => {
  let suite: string;
  let results: string;

  before(async function () {
    this.timeout(toolTimeout);
    const found = await findTool("conformance");
    if (found === undefined) {
      console.log("      skipped: the conformance suite is built with Go, and there is no `go` on PATH");
      this.skip();
    }
    suite = found;
    results = await mkdtemp(join(tmpdir(), "conformance-"));
  });
  after(async () => {
    if (results !== undefined) await rm(results, { recursive: true });
  });

  const bearer: RegistryOptions = {
    auth: { type: "bearer", users: { tester: { password: "secret", pull: [], push: ["conformance/*"] } } },
  };
  const cases: readonly (readonly [string, string, RegistryOptions])[] = [
    ["1.1: pull, push, content discovery, content management", "1.1", {}],
    ["1.1 and what is coming: upload cancel, tag parameters, digest headers", "dev", {}],
    ["1.1 with tokens", "1.1", bearer],
    ["1.1 with Basic", "1.1", { auth: { ...bearer.auth!, type: "basic" } }],
  ];
  for (const [what, version, options] of cases) {
    it(what, async function () {
      this.timeout(60_000);
      await using registry = await startRegistry(options);
      const { code, stdout, stderr } = await run(suite, [], {
        cwd: results,
        env: {
          PATH: process.env["PATH"],
          OCI_REGISTRY: registry.host,
          OCI_TLS: "disabled",
          OCI_VERSION: version,
          OCI_RESULTS_DIR: results,
          ...(options.auth === undefined ? {} : { OCI_USERNAME: "tester", OCI_PASSWORD: "secret" }),
        },
      });
      assert.equal(code, 0, `${stdout.slice(-6000)}\n${stderr}`);
      // What the suite could not try is no pass: each API must say so, unless this version does not have it.
      const verdicts = new Map(
        [...stdout.matchAll(/^ {2}(\w[^.]*)\.+: +([A-Z]\w+)$/gm)].map(([, api = "", verdict]) => [api, verdict]),
      );
      for (const api of demanded) assert.equal(verdicts.get(api), "Pass", api);
      // A token names the repositories that it is for: without `from` there is none to mount a blob from.
      if (options.auth?.type === "bearer") verdicts.delete("Blob anonymous mount");
      for (const [api, verdict] of verdicts) {
        assert.ok(verdict === "Pass" || verdict === "Disabled", `${api}: ${verdict}`);
      }
    });
  }
});
