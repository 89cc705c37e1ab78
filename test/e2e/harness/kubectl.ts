import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface KubectlResult {
  readonly code: number | null;
  readonly stdout: string;
  /** Errors, and the warnings of admission. */
  readonly stderr: string;
}

export interface KubectlOptions {
  /** Standard input, for `-f -`. */
  readonly input?: string;
}

/** Runs kubectl with these arguments; a refusal is a result, not an exception. The last argument may be options. */
export type Kubectl = (...args: readonly (string | KubectlOptions)[]) => Promise<KubectlResult>;

export interface KubectlSetting {
  readonly path: string;
  readonly kubeconfig: string;
  /** Holds its discovery cache: the user's own may remember another server on the same port. */
  readonly directory: string;
}

export const kubectlWith =
  ({ path, kubeconfig, directory }: KubectlSetting): Kubectl =>
  async (...args) => {
    const words = args.filter((arg) => typeof arg === "string");
    const { input = "" } = args.find((arg) => typeof arg !== "string") ?? {};
    const child = spawn(path, [`--cache-dir=${join(directory, "kubectl-cache")}`, ...words], {
      env: { PATH: process.env["PATH"], HOME: directory, KUBECONFIG: kubeconfig },
      stdio: ["pipe", "pipe", "pipe"],
    });
    // kubectl may refuse its arguments and end before it read anything.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, stdout, stderr };
  };
