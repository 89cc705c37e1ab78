import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { killGroup } from "../processes/killGroup.ts";
import type { ProcessGuard } from "../processes/processGuard.ts";
import { defaultVersion, type KubernetesVersion } from "../versions.ts";
import type { Report } from "../progress.ts";

/** What can be built, and the package of each in the modules of `sandbox/controlplane/`. */
export const goPackages = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
} as const;

export type GoProgram = keyof typeof goPackages;

/** etcd and kubectl are those of the default version, whatever the API server's. */
export const versionFor = (program: GoProgram, version: KubernetesVersion): KubernetesVersion =>
  program === "kube-apiserver" ? version : defaultVersion;

const moduleDirectory = ({ series }: KubernetesVersion): string =>
  fileURLToPath(new URL(`../controlplane/${series}`, import.meta.url));

/** The places that Kubernetes' own build stamps: the server and kubectl read the first, the clients' user agent the second. */
const stamps = ({ version, released }: KubernetesVersion): readonly string[] => {
  const [major, minor] = version.split(".");
  const values = {
    gitVersion: `v${version}`,
    gitMajor: major,
    gitMinor: minor,
    // A module archive does not say its commit; "archive" is Kubernetes' own word for a tree without git.
    gitCommit: "",
    gitTreeState: "archive",
    buildDate: released,
  };
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((place) =>
    Object.entries(values).map(([name, value]) => `-X ${place}.${name}=${value}`),
  );
};

const buildFlags = (version: KubernetesVersion): readonly string[] => [
  "-mod=readonly",
  "-trimpath",
  "-buildvcs=false",
  // As Kubernetes builds its releases: without gRPC's tracing the linker can drop a third of the code.
  "-tags=grpcnotrace,notest",
  `-ldflags=-s -w ${stamps(version).join(" ")}`,
];

/** Names the build in the cache: another module, flag or platform is another folder. */
export const goBuildKey = async (version: KubernetesVersion): Promise<string> => {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(moduleDirectory(version), file)));
  hash.update(buildFlags(version).join("\n"));
  return `v${version.version}-${process.platform}-${process.arch}-${hash.digest("hex").slice(0, 12)}`;
};

export interface GoBuildOptions {
  /** Whose module it is built from. */
  readonly version: KubernetesVersion;
  readonly report: Report;
  readonly env: NodeJS.ProcessEnv;
  /** Kills the compilers with us. */
  readonly guard?: ProcessGuard | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Why nothing can be built here: no Go on PATH, or one that is too old. Absent where it can. */
export const goProblem = async (env: NodeJS.ProcessEnv): Promise<string | undefined> => {
  try {
    await runGo(["version"], { report: () => undefined, env, version: defaultVersion }, () => undefined);
    return undefined;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return missing ? "there is no `go` on PATH" : String(error);
  }
};

/** Builds one program to the path `target`. Takes minutes the first time; reports how far it is. */
export const buildWithGo = async (program: GoProgram, target: string, options: GoBuildOptions): Promise<void> => {
  let compiled = 0;
  let downloaded = 0;
  const tick = setInterval(() => {
    options.report(`building ${program} with Go: ${downloaded} modules downloaded, ${compiled} packages compiled`);
  }, 10_000);
  try {
    await runGo(["build", "-v", ...buildFlags(options.version), "-o", target, goPackages[program]], options, (line) => {
      if (line.startsWith("go: downloading ")) downloaded++;
      else if (!line.includes(" ")) compiled++;
    });
  } finally {
    clearInterval(tick);
  }
};

const runGo = async (
  args: readonly string[],
  { version, env, guard, signal }: GoBuildOptions,
  onLine: (line: string) => void,
): Promise<void> => {
  const child = spawn("go", args, {
    cwd: moduleDirectory(version),
    // A workspace or a vendor setting of the user's own would change what go.sum pins.
    env: { ...env, GOWORK: "off", GO111MODULE: "on", CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  guard?.watch(child);
  const stop = (): void => {
    if (child.pid !== undefined) killGroup(child.pid, "SIGKILL");
  };
  signal?.addEventListener("abort", stop);
  const last: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    onLine(line);
    last.push(line);
    if (last.length > 15) last.shift();
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        if (code === 0) resolve();
        else reject(new Error(`go ${args[0]} failed:\n${last.join("\n")}`));
      });
    });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  signal?.throwIfAborted();
};
