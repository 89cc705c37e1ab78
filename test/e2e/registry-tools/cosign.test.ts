import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fallbackTag } from "../../../sandbox/registry/content/digest.ts";
import { addSamples, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry } from "../../../sandbox/registry/server.ts";
import { run } from "./tools.ts";

const nginx = samples[0]!.image;
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Cosign is too much to build here (minutes): what `COSIGN` names, or what PATH has. */
async function findCosign(): Promise<{ readonly program: string; readonly major: number } | undefined> {
  for (const program of [process.env["COSIGN"], "cosign", "cosign3", "cosign2"]) {
    if (program === undefined) continue;
    const version = await run(program, ["version"]).catch(() => undefined);
    const [, major] = /^GitVersion:\s+v(\d)/m.exec(`${version?.stdout}\n${version?.stderr}`) ?? [];
    if (major !== undefined) return { program, major: Number(major) };
  }
  return undefined;
}

describe("cosign against the sandbox registry", () => {
  let program: string;
  let major: number;
  let directory: string;

  const cosign = async (...args: string[]): Promise<string> => {
    const env = {
      PATH: process.env["PATH"],
      HOME: directory,
      COSIGN_PASSWORD: "",
      // Keys only: nothing has to leave this machine, and with this nothing can. Loopback needs no proxy.
      HTTPS_PROXY: "http://127.0.0.1:1",
      HTTP_PROXY: "http://127.0.0.1:1",
    };
    const { code, stdout, stderr } = await run(program, args, { cwd: directory, env });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const offline = (): string[] =>
    major < 3 ? ["--tlog-upload=false"] : ["--use-signing-config=false", "--tlog-upload=false"];

  before(async function () {
    this.timeout(30_000);
    const found = await findCosign();
    if (found === undefined) {
      console.log("      skipped: there is no cosign on PATH, and COSIGN names none");
      this.skip();
    }
    ({ program, major } = found);
    directory = await mkdtemp(join(tmpdir(), "cosign-"));
    await writeFile(join(directory, "predicate.json"), "{}");
    await cosign("generate-key-pair");
  });
  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  for (const referrers of ["api", "off"] as const) {
    it(`signs, attests and verifies with the referrers API ${referrers === "api" ? "on" : "off"}`, async function () {
      this.timeout(60_000);
      await using registry = await startRegistry({ referrers });
      addSamples(registry.store);
      const reference = `${registry.host}/nginx@${nginx.digest}`;
      const keyed = ["--key", "cosign.key", ...offline(), "--yes", "--allow-insecure-registry"];
      await cosign("sign", ...keyed, reference);
      await cosign("attest", ...keyed, "--type", "custom", "--predicate", "predicate.json", reference);

      if (major < 3) {
        const tag = nginx.digest.replace(":", "-");
        assert.ok(registry.store.manifest("nginx", `${tag}.sig`));
        assert.ok(registry.store.manifest("nginx", `${tag}.att`));
        return;
      }
      const attached = registry.store.referrers("nginx", nginx.digest);
      assert.deepEqual(
        attached.map(({ content }) => content.artifactType),
        [bundleType, bundleType],
      );
      const list = registry.store.manifest("nginx", fallbackTag(nginx.digest))?.content.manifests;
      assert.equal(list?.length, referrers === "api" ? undefined : 2);
      const check = ["--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-insecure-registry", reference];
      await cosign("verify", ...check);
      await cosign("verify-attestation", "--type", "custom", ...check);
    });
  }
});
