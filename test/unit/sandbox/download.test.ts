import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { downloadedBefore, downloadEnvtest } from "../../../sandbox/binaries/download.ts";

describe("the official envtest archive", () => {
  let folder: string;
  let server: Server;
  let base: string;
  let archive: Buffer;
  /** By path; what is not here is a 404; "hang" never comes. */
  let served: Map<string, Buffer | string>;

  const os = process.platform;
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const name = (version: string): string => `envtest-${version}-${os}-${arch}.tar.gz`;

  // Kubebuilder's users have it exported, and the library that downloads would take it instead.
  const assets = process.env["KUBEBUILDER_ASSETS"];

  before(async () => {
    delete process.env["KUBEBUILDER_ASSETS"];
    folder = await mkdtemp(join(tmpdir(), "download-"));
    const inside = join(folder, "controller-tools", "envtest");
    await mkdir(inside, { recursive: true });
    for (const program of ["etcd", "kube-apiserver", "kubectl"]) await writeFile(join(inside, program), program);
    execFileSync("tar", ["czf", join(folder, "archive.tar.gz"), "-C", folder, "controller-tools"]);
    archive = await readFile(join(folder, "archive.tar.gz"));
    server = createServer((request, response) => {
      const body = served.get(request.url ?? "");
      if (body === "hang") return;
      response.statusCode = body === undefined ? 404 : 200;
      response.setHeader("content-length", body?.length ?? 0);
      response.end(request.method === "HEAD" ? undefined : body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    if (assets !== undefined) process.env["KUBEBUILDER_ASSETS"] = assets;
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  const hash = (): string => createHash("sha512").update(archive).digest("hex");
  const index = (sums: Readonly<Record<string, string>>): string =>
    `releases:\n${Object.entries(sums)
      .map(
        ([version, sum]) =>
          `  ${version}:\n    ${name(version)}:\n      hash: ${sum}\n      selfLink: ${base}/${version}\n`,
      )
      .join("")}`;
  const download = (cache: string): Promise<string> =>
    downloadEnvtest({
      cache: join(folder, cache),
      series: "1.36",
      report: () => undefined,
      indexUrl: `${base}/index.yaml`,
      patience: 300,
    });

  it("is the newest patch of our minor version, and is found again without the network", async () => {
    const wrong = "a".repeat(128);
    served = new Map<string, Buffer | string>([
      ["/index.yaml", index({ "v1.35.9": wrong, "v1.36.1": wrong, "v1.36.2": hash(), "v1.37.0": wrong })],
      ["/v1.36.2", archive],
    ]);
    assert.equal(await downloadedBefore(join(folder, "good"), "1.36"), undefined);
    const got = await download("good");
    assert.equal(await readFile(join(got, "kube-apiserver"), "utf8"), "kube-apiserver");
    served.clear();
    assert.equal(await downloadedBefore(join(folder, "good"), "1.36"), got);
  });

  it("is refused when it does not hash to what the index says", async () => {
    served = new Map<string, Buffer | string>([
      ["/index.yaml", index({ "v1.36.2": "a".repeat(128) })],
      ["/v1.36.2", archive],
    ]);
    await assert.rejects(download("forged"), /SHA-512 mismatch/);
    assert.equal(await downloadedBefore(join(folder, "forged"), "1.36"), undefined, "nothing of it is kept");
  });

  it("is never what KUBEBUILDER_ASSETS names", async () => {
    process.env["KUBEBUILDER_ASSETS"] = folder;
    try {
      await assert.rejects(download("assets"), /unset it/);
    } finally {
      delete process.env["KUBEBUILDER_ASSETS"];
    }
  });

  const unreachable: readonly (readonly [string, () => Map<string, Buffer | string>, RegExp])[] = [
    ["no index", () => new Map(), /index\.yaml: HTTP 404/],
    ["an index that never comes", () => new Map([["/index.yaml", "hang"]]), /timeout/],
    [
      "a page of a captive portal",
      () => new Map([["/index.yaml", "<html>log in</html>"]]),
      /invalid envtest release index/,
    ],
    ["no archive", () => new Map([["/index.yaml", index({ "v1.36.2": hash() })]]), /v1\.36\.2: HTTP 404/],
    [
      "an archive that never comes",
      () =>
        new Map([
          ["/index.yaml", index({ "v1.36.2": hash() })],
          ["/v1.36.2", "hang"],
        ]),
      /timeout/,
    ],
    ["none of our minor version", () => new Map([["/index.yaml", index({ "v1.35.0": hash() })]]), /not found/],
  ];
  for (const [what, world, message] of unreachable) {
    it(`is given up at once: ${what}`, async () => {
      served = world();
      await assert.rejects(download("unreachable"), message);
    });
  }
});
