import { constants } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { cacheDirectory } from "./cacheDirectory.ts";
import { downloadedBefore, downloadEnvtest } from "./download.ts";
import { withFileLock } from "./fileLock.ts";
import { buildWithGo, goBuildKey, goProblem, type GoProgram } from "./goBuild.ts";
import type { ProcessGuard } from "../processes/processGuard.ts";
import { kubernetesVersion } from "../versions.ts";
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
 * etcd and kube-apiserver, by the first of: `KUBEBUILDER_ASSETS`, the user's cache, the official envtest archive, a build with
 * Go from the module that go.sum pins. Rejects with what to do where none of them works. Safe in several processes at once.
 */
export const findBinaries = async (options: Partial<LookUp> = {}): Promise<Binaries> => {
  const lookUp = { ...defaults, ...options };
  const assets = lookUp.env["KUBEBUILDER_ASSETS"];
  if (assets !== undefined && assets !== "") {
    if (await holds(assets, ["etcd", "kube-apiserver"])) return inFolder(assets, "KUBEBUILDER_ASSETS");
    throw new Error(`KUBEBUILDER_ASSETS is ${assets}, which has no etcd and kube-apiserver: correct it, or unset it`);
  }
  const cache = cacheDirectory(lookUp.env);
  const built = join(cache, await goBuildKey());
  return (
    (await fromCache(cache, built)) ??
    withFileLock(
      `${built}.lock`,
      // Whoever held the lock before may have done the work.
      async () => (await fromCache(cache, built)) ?? (await obtain(cache, built, lookUp)),
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
  const built = join(cacheDirectory(lookUp.env), await goBuildKey());
  await withFileLock(
    `${built}.lock`,
    async () => {
      if (await holds(built, ["kubectl"])) return;
      const problem = await lookUp.goProblem(lookUp.env);
      if (problem !== undefined) throw new Error(`there is no kubectl on PATH, and none can be built: ${problem}`);
      await buildInto(built, ["kubectl"], lookUp);
    },
    { onWait: () => lookUp.report("another process builds: waiting for it"), signal: lookUp.signal },
  );
  return join(built, program("kubectl"));
};

const obtain = async (cache: string, built: string, lookUp: LookUp): Promise<Binaries> => {
  const indexUrl = lookUp.env["ENVTEST_INDEX_URL"];
  let unreachable: string;
  try {
    return inFolder(await lookUp.download({ cache, report: lookUp.report, indexUrl }), "download");
  } catch (error) {
    unreachable = reasons(error);
  }
  const problem = await lookUp.goProblem(lookUp.env);
  if (problem !== undefined) throw new Error(advice(unreachable, problem));
  lookUp.report(
    `the envtest archive cannot be had here; building Kubernetes ${kubernetesVersion} with Go instead (once, some minutes)`,
  );
  await buildInto(built, ["etcd", "kube-apiserver"], lookUp);
  return inFolder(built, "build");
};

/** Builds beside the place and moves each program in by one rename: half a program is never seen there. */
const buildInto = async (folder: string, programs: readonly GoProgram[], lookUp: LookUp): Promise<void> => {
  await mkdir(folder, { recursive: true });
  for (const name of programs) {
    const staged = join(folder, `.${name}.${process.pid}`);
    try {
      lookUp.report(`building ${name} with Go`);
      await lookUp.build(name, staged, lookUp);
      await rename(staged, join(folder, program(name)));
    } finally {
      await rm(staged, { force: true });
    }
  }
};

const fromCache = async (cache: string, built: string): Promise<Binaries | undefined> => {
  if (await holds(built, ["etcd", "kube-apiserver"])) return inFolder(built, "cache");
  const downloaded = await downloadedBefore(cache);
  return downloaded === undefined ? undefined : inFolder(downloaded, "cache");
};

const inFolder = (folder: string, source: Binaries["source"]): Binaries => ({
  etcd: join(folder, program("etcd")),
  kubeApiserver: join(folder, program("kube-apiserver")),
  source,
});

const holds = async (folder: string, programs: readonly string[]): Promise<boolean> => {
  const found = programs.map((name) => access(join(folder, program(name)), constants.X_OK));
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
