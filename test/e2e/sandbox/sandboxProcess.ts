import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ReadyInfo } from "../../../sandbox/readyFile.ts";
import { kubectlWith, type Kubectl } from "../harness/kubectl.ts";
import { startCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** `image-security sandbox` as a user runs it: another process, in a folder that is not the project's. */
export class SandboxProcess {
  readonly folder: string;
  readonly #child: ChildProcess;
  #output = "";

  private constructor(folder: string, args: readonly string[]) {
    this.folder = folder;
    this.#child = spawn(process.execPath, [main, "sandbox", "--port=0", ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => void (this.#output += chunk.toString());
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
  }

  static async run(...args: readonly string[]): Promise<SandboxProcess> {
    return new SandboxProcess(await mkdtemp(join(tmpdir(), "sandbox-test-")), args);
  }

  /** Everything that it printed. */
  get output(): string {
    return this.#output;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  get readyFile(): string {
    return join(this.folder, ".sandbox", "ready.json");
  }

  /** Waits for ready.json, as another program would. */
  async ready(): Promise<ReadyInfo> {
    await eventually(
      () => {
        if (this.exitCode !== null) return true;
        return existsSync(this.readyFile);
      },
      { within: 90_000 },
    );
    if (!existsSync(this.readyFile)) throw new Error(`the sandbox ended before it was ready:\n${this.output}`);
    // Written by us: its form is what the tests look at.
    return JSON.parse(await readFile(this.readyFile, "utf8")) as ReadyInfo;
  }

  /** kubectl with the sandbox's kubeconfig. */
  async kubectl(): Promise<Kubectl> {
    const { kubeconfig } = await this.ready();
    const { kubectlPath } = await startCluster();
    return kubectlWith({ path: kubectlPath, kubeconfig, directory: this.folder });
  }

  /** It and everything that it started: etcd, the API server, the guard. */
  processes(): readonly { readonly pid: number; readonly args: string }[] {
    const { stdout } = spawnSync("ps", ["-eo", "pid=,ppid=,stat=,args="], { encoding: "utf8" });
    return stdout
      .split("\n")
      .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, pid, parent, stat = "", args = ""]) => ({ pid: Number(pid), parent: Number(parent), stat, args }))
      .filter(
        ({ pid, parent, stat }) => !stat.startsWith("Z") && (pid === this.#child.pid || parent === this.#child.pid),
      );
  }

  /** Sends the signal and gives the exit code; null where the signal killed it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const exit = once(this.#child, "exit");
    this.#child.kill(signal);
    const [code] = (await exit) as [number | null];
    return code;
  }

  /** Whatever happened in the test: nothing runs and nothing lies about afterwards. */
  async dispose(): Promise<void> {
    await this.end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Those of these processes that are still there; zombies do nothing any more. */
export const stillThere = (pids: readonly number[]): readonly string[] => {
  const { stdout } = spawnSync("ps", ["-o", "stat=,args=", "-p", pids.join(",")], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("Z"));
};
