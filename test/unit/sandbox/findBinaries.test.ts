import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirectory } from "../../../sandbox/binaries/cacheDirectory.ts";
import { findBinaries, findKubectl, type LookUp } from "../../../sandbox/binaries/findBinaries.ts";
import { goBuildKey } from "../../../sandbox/binaries/goBuild.ts";
import { defaultVersion, versionOf } from "../../../sandbox/versions.ts";

describe("where the control plane's programs are found", () => {
  let home: string;
  let asked: string[];

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "find-binaries-"));
    asked = [];
  });
  afterEach(() => rm(home, { recursive: true }));

  const put = async (folder: string, ...names: readonly string[]): Promise<string> => {
    await mkdir(folder, { recursive: true });
    for (const name of names) {
      await writeFile(join(folder, name), `#!/bin/sh\necho ${name}\n`);
      await chmod(join(folder, name), 0o755);
    }
    return folder;
  };
  const cache = (): string => join(home, "image-security", "controlplane");
  /** A world without network; what is not said otherwise has Go. */
  const world = (options: Partial<LookUp> & { env?: NodeJS.ProcessEnv } = {}): Partial<LookUp> => ({
    report: (line) => void asked.push(line),
    download: async () => {
      asked.push("download");
      throw new TypeError("fetch failed", { cause: new Error("getaddrinfo ENOTFOUND example.test") });
    },
    goProblem: async () => undefined,
    build: async (program, target) => {
      asked.push(`build ${program}`);
      await writeFile(target, "built", { mode: 0o755 });
    },
    ...options,
    env: { XDG_CACHE_HOME: home, PATH: "", ...options.env },
  });

  it("takes KUBEBUILDER_ASSETS before everything", async () => {
    const assets = await put(join(home, "assets"), "etcd", "kube-apiserver");
    await put(join(cache(), await goBuildKey(defaultVersion)), "etcd", "kube-apiserver");
    const found = await findBinaries(world({ env: { KUBEBUILDER_ASSETS: assets } }));
    assert.deepEqual(found, {
      etcd: join(assets, "etcd"),
      kubeApiserver: join(assets, "kube-apiserver"),
      source: "KUBEBUILDER_ASSETS",
    });
    assert.deepEqual(asked, []);
  });

  it("says so when KUBEBUILDER_ASSETS is wrong, rather than to take something else", async () => {
    await put(join(cache(), await goBuildKey(defaultVersion)), "etcd", "kube-apiserver");
    const assets = await put(join(home, "assets"), "etcd");
    await assert.rejects(
      findBinaries(world({ env: { KUBEBUILDER_ASSETS: assets } })),
      /KUBEBUILDER_ASSETS is .*assets/,
    );
  });

  it("takes the cache before the network: a build", async () => {
    const built = await put(join(cache(), await goBuildKey(defaultVersion)), "etcd", "kube-apiserver");
    const found = await findBinaries(world());
    assert.equal(found.source, "cache");
    assert.equal(found.etcd, join(built, "etcd"));
    assert.deepEqual(asked, []);
  });

  it("takes the cache before the network: an archive", async () => {
    const os = process.platform;
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    const folder = await put(join(cache(), "k8s", `v1.36.2-${os}-${arch}`), "etcd", "kube-apiserver", "kubectl");
    await put(join(cache(), "k8s", `v1.35.9-${os}-${arch}`), "etcd", "kube-apiserver", "kubectl");
    await put(join(cache(), "k8s", `v1.36.9-${os}-sparc`), "etcd", "kube-apiserver", "kubectl");
    const found = await findBinaries(world());
    assert.equal(found.etcd, join(folder, "etcd"));
    assert.deepEqual(asked, []);
  });

  it("downloads before it builds", async () => {
    const folder = await put(join(home, "downloaded"), "etcd", "kube-apiserver");
    const found = await findBinaries(world({ download: async () => folder }));
    assert.equal(found.source, "download");
    assert.equal(found.etcd, join(folder, "etcd"));
    assert.deepEqual(asked, []);
  });

  it("builds where nothing can be downloaded, and finds it in the cache from then on", async () => {
    const found = await findBinaries(world());
    assert.equal(found.source, "build");
    assert.equal(await readFile(found.kubeApiserver, "utf8"), "built");
    assert.ok(asked.indexOf("download") < asked.indexOf("build etcd"));
    asked = [];
    assert.deepEqual(await findBinaries(world()), { ...found, source: "cache" });
    assert.deepEqual(asked, []);
  });

  it("leaves nothing half built", async () => {
    const build: LookUp["build"] = async (program, target) => {
      await writeFile(target, "half", { mode: 0o755 });
      if (program === "kube-apiserver") throw new Error("no space left on device");
    };
    await assert.rejects(findBinaries(world({ build })), /no space left/);
    const folder = join(cache(), await goBuildKey(defaultVersion));
    assert.deepEqual(await readdir(folder), ["etcd"]);
    // One program alone is no control plane.
    assert.equal((await findBinaries(world())).source, "build");
  });

  it("builds the API server of the version that is asked for, and one etcd for all", async () => {
    const build: LookUp["build"] = async (program, target, { version }) => {
      asked.push(`build ${program} ${version.series}`);
      await writeFile(target, "built", { mode: 0o755 });
    };
    const asks: readonly Partial<LookUp>[] = [
      { build, env: { ENVTEST_K8S_VERSION: "1.30" } },
      { build, version: versionOf("1.37"), env: { ENVTEST_K8S_VERSION: "1.30" } },
    ];
    for (const ask of asks) {
      const found = await findBinaries(world(ask));
      assert.equal(found.source, "build");
      assert.equal(found.etcd, join(cache(), await goBuildKey(defaultVersion), "etcd"));
      assert.deepEqual(await findBinaries(world(ask)), { ...found, source: "cache" });
    }
    assert.deepEqual(
      asked.filter((line) => line.startsWith("build ")),
      [`build etcd ${defaultVersion.series}`, "build kube-apiserver 1.30", "build kube-apiserver 1.37"],
    );
    await assert.rejects(findBinaries(world({ env: { ENVTEST_K8S_VERSION: "1.29" } })), /no Kubernetes 1\.29 here/);
  });

  it("never takes KUBEBUILDER_ASSETS for a version that is asked for", async () => {
    const assets = await put(join(home, "assets"), "etcd", "kube-apiserver");
    const env = { KUBEBUILDER_ASSETS: assets };
    assert.equal((await findBinaries(world({ version: versionOf("1.37"), env }))).source, "build");
    const both = findBinaries(world({ env: { ...env, ENVTEST_K8S_VERSION: "1.30" } }));
    await assert.rejects(both, /KUBEBUILDER_ASSETS and ENVTEST_K8S_VERSION are both set/);
  });

  it("names both causes and every way out where there is neither network nor Go", async () => {
    const lost = findBinaries(world({ goProblem: async () => "there is no `go` on PATH" }));
    await assert.rejects(lost, ({ message }: Error) => {
      for (const part of [
        "ENOTFOUND example.test",
        "there is no `go` on PATH",
        "https://go.dev/dl",
        "KUBEBUILDER_ASSETS",
        "ENVTEST_INDEX_URL",
      ]) {
        assert.ok(message.includes(part), `${part} is missing in: ${message}`);
      }
      return true;
    });
  });

  it("gets it once when two ask at the same time", async () => {
    const build: LookUp["build"] = async (program, target) => {
      asked.push(`build ${program}`);
      await sleep(50);
      await writeFile(target, "built", { mode: 0o755 });
    };
    const found = await Promise.all([findBinaries(world({ build })), findBinaries(world({ build }))]);
    assert.deepEqual(found.map(({ source }) => source).sort(), ["build", "cache"]);
    assert.equal(asked.filter((line) => line === "build etcd").length, 1);
  });

  it("takes kubectl from PATH, then from beside the API server, then builds it", async () => {
    const folder = await put(join(home, "assets"), "etcd", "kube-apiserver");
    const binaries = await findBinaries(world({ env: { KUBEBUILDER_ASSETS: folder } }));

    const built = await findKubectl(binaries, world());
    assert.equal(built, join(cache(), await goBuildKey(defaultVersion), "kubectl"));
    assert.deepEqual(
      asked.filter((line) => line.startsWith("build ")),
      ["build kubectl"],
    );

    await put(folder, "kubectl");
    assert.equal(await findKubectl(binaries, world()), join(folder, "kubectl"));

    const path = await put(join(home, "bin"), "kubectl");
    const PATH = [join(home, "no-such-folder"), "", path].join(":");
    assert.equal(await findKubectl(binaries, world({ env: { PATH } })), join(path, "kubectl"));
  });

  it("keeps it in XDG_CACHE_HOME unless that is no absolute path", () => {
    assert.equal(cacheDirectory({ XDG_CACHE_HOME: "/c" }), "/c/image-security/controlplane");
    for (const invalid of ["", "relative"]) {
      assert.match(cacheDirectory({ XDG_CACHE_HOME: invalid }), /\/\.cache\/image-security\/controlplane$/);
    }
  });
});
