import { constants } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { cacheDirectory } from "./cacheDirectory.ts";
import { downloadedBefore, downloadEnvtest } from "./download.ts";
import { withFileLock } from "./fileLock.ts";
import { buildWithGo, goBuildKey, goProblem, versionFor, type GoProgram } from "./goBuild.ts";
import type { ProcessGuard } from "../processes/processGuard.ts";
import { defaultVersion, versionOf, type KubernetesVersion } from "../versions.ts";
import type { Report } from "../progress.ts";

/** Paths of a control plane's programs, and where they were found. */
export interface Binaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly source: "KUBEBUILDER_ASSETS" | "cache" | "download" | "build";
}

/** What the look-up asks; tests put their own in. */
export interface LookUp {
  readonly env: NodeJS.ProcessEnv;
  /** Absent: what `ENVTEST_K8S_VERSION` names (its series, such as 1.30), else the default version. */
  readonly version?: KubernetesVersion | undefined;
  readonly report: Report;
  /** Kills the compilers with us. */
  readonly guard?: ProcessGuard | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly download: typeof downloadEnvtest;
  readonly build: typeof buildWithGo;
  readonly goProblem: typeof goProblem;
}

const defaults: LookUp = {
  env: process.env,
  report: () => undefined,
  download: downloadEnvtest,
  build: buildWithGo,
  goProblem,
};

/**
 * etcd and kube-apiserver, by the first of: `KUBEBUILDER_ASSETS` (unless a version is asked for), the user's cache, the official envtest
 * archive, a build with Go from the module that go.sum pins. Rejects with what to do where none of them works. Safe in several processes
 * at once.
 */
export const findBinaries = async (options: Partial<LookUp> = {}): Promise<Binaries> => {
  const lookUp = { ...defaults, ...options };
  const { KUBEBUILDER_ASSETS: assets = "", ENVTEST_K8S_VERSION: series = "" } = lookUp.env;
  if (assets !== "" && lookUp.version === undefined) {
    if (series !== "") throw new Error("KUBEBUILDER_ASSETS and ENVTEST_K8S_VERSION are both set: unset one of them");
    if (await holds(assets, ["etcd", "kube-apiserver"])) return inFolder(assets, "KUBEBUILDER_ASSETS");
    throw new Error(`KUBEBUILDER_ASSETS is ${assets}, which has no etcd and kube-apiserver: correct it, or unset it`);
  }
  const version = lookUp.version ?? (series === "" ? defaultVersion : versionOf(series));
  const cache = cacheDirectory(lookUp.env);
  return (
    (await fromCache(cache, version)) ??
    withFileLock(
      `${await builtFolder(cache, version)}.lock`,
      // Whoever held the lock before may have done the work.
      async () => (await fromCache(cache, version)) ?? (await obtain(cache, version, lookUp)),
      { onWait: () => lookUp.report("another process gets the control plane: waiting for it"), signal: lookUp.signal },
    )
  );
};

/** kubectl from PATH, beside the control plane, or built; the path is absolute. */
export const findKubectl = async (binaries: Binaries, options: Partial<LookUp> = {}): Promise<string> => {
  const lookUp = { ...defaults, ...options };
  for (const folder of (lookUp.env["PATH"] ?? "").split(delimiter)) {
    if (folder !== "" && (await holds(folder, ["kubectl"]))) return resolve(folder, program("kubectl"));
  }
  const beside = join(binaries.etcd, "..");
  if (await holds(beside, ["kubectl"])) return join(beside, program("kubectl"));
  const cache = cacheDirectory(lookUp.env);
  const built = await builtFolder(cache, defaultVersion);
  await withFileLock(
    `${built}.lock`,
    async () => {
      if (await holds(built, ["kubectl"])) return;
      const problem = await lookUp.goProblem(lookUp.env);
      if (problem !== undefined) throw new Error(`there is no kubectl on PATH, and none can be built: ${problem}`);
      await build("kubectl", cache, defaultVersion, lookUp);
    },
    { onWait: () => lookUp.report("another process builds: waiting for it"), signal: lookUp.signal },
  );
  return join(built, program("kubectl"));
};

const obtain = async (cache: string, version: KubernetesVersion, lookUp: LookUp): Promise<Binaries> => {
  const { series } = version;
  const indexUrl = lookUp.env["ENVTEST_INDEX_URL"];
  let unreachable: string;
  try {
    return inFolder(await lookUp.download({ cache, series, report: lookUp.report, indexUrl }), "download");
  } catch (error) {
    unreachable = reasons(error);
  }
  const problem = await lookUp.goProblem(lookUp.env);
  if (problem !== undefined) throw new Error(advice(unreachable, problem));
  lookUp.report(
    `the envtest archive cannot be had here; building Kubernetes ${version.version} with Go instead (once, some minutes)`,
  );
  await build("etcd", cache, version, lookUp);
  await build("kube-apiserver", cache, version, lookUp);
  return { ...(await builtBefore(cache, version)), source: "build" };
};

/** Unless it is there. Builds beside the place and moves the program in by one rename: half a program is never seen there. */
const build = async (name: GoProgram, cache: string, asked: KubernetesVersion, lookUp: LookUp): Promise<void> => {
  const version = versionFor(name, asked);
  const folder = await builtFolder(cache, version);
  if (await holds(folder, [name])) return;
  await mkdir(folder, { recursive: true });
  const staged = join(folder, `.${name}.${process.pid}`);
  try {
    lookUp.report(`building ${name} with Go`);
    await lookUp.build(name, staged, { ...lookUp, version });
    await rename(staged, join(folder, program(name)));
  } finally {
    await rm(staged, { force: true });
  }
};

const fromCache = async (cache: string, version: KubernetesVersion): Promise<Binaries | undefined> => {
  const built = await builtBefore(cache, version);
  if (await executable(built.etcd, built.kubeApiserver)) return built;
  const downloaded = await downloadedBefore(cache, version.series);
  return downloaded === undefined ? undefined : inFolder(downloaded, "cache");
};

/** Where the builds of a version are, whether they are there or not. */
const builtBefore = async (cache: string, version: KubernetesVersion): Promise<Binaries> => {
  const at = async (name: GoProgram): Promise<string> =>
    join(await builtFolder(cache, versionFor(name, version)), program(name));
  return { etcd: await at("etcd"), kubeApiserver: await at("kube-apiserver"), source: "cache" };
};

const builtFolder = async (cache: string, version: KubernetesVersion): Promise<string> =>
  join(cache, await goBuildKey(version));

const inFolder = (folder: string, source: Binaries["source"]): Binaries => ({
  etcd: join(folder, program("etcd")),
  kubeApiserver: join(folder, program("kube-apiserver")),
  source,
});

const holds = async (folder: string, programs: readonly string[]): Promise<boolean> => {
  return executable(...programs.map((name) => join(folder, program(name))));
};

const executable = async (...paths: readonly string[]): Promise<boolean> => {
  const found = paths.map((path) => access(path, constants.X_OK));
  return (await Promise.allSettled(found)).every(({ status }) => status === "fulfilled");
};

const program = (name: string): string => (process.platform === "win32" ? `${name}.exe` : name);

/** fetch says only "fetch failed"; why is in its cause. */
const reasons = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};

const advice = (download: string, build: string): string =>
  [
    "There is no control plane to start, and none can be had:",
    `- the official envtest archive cannot be downloaded (${download});`,
    `- it cannot be built: ${build}.`,
    "Do one of these, then start again:",
    "- install Go 1.26 or newer (https://go.dev/dl) and have `go` on PATH; modules come through GOPROXY;",
    "- set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver, such as `setup-envtest use -p path` prints;",
    "- set ENVTEST_INDEX_URL to the address of a copy of envtest-releases.yaml that can be reached.",
  ].join("\n");
