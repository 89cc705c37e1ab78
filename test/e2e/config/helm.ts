import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHART } from "../../../charts/chartFiles.ts";
import { onPath } from "../harness/onPath.ts";

/** Both of Helm's lines that are looked after. `.ci/tools` builds them. */
export const HELMS: readonly string[] = ["helm3", "helm4"];

export interface HelmResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without an image nothing is rendered. */
export const IMAGE = { repository: "registry.company.com/image-security", digest: `sha256:${"a".repeat(64)}` };

/** Without a cluster Helm takes itself for one of the version that its build was told, and ours was told none. */
export const KUBERNETES: readonly string[] = ["--kube-version", "1.36.0"];

/** Helm with its files in a folder that goes away with it. */
export class Helm implements AsyncDisposable {
  readonly #program: string;
  readonly #folder: string;
  readonly #kubeconfig: string | undefined;

  private constructor(program: string, folder: string, kubeconfig: string | undefined) {
    this.#program = program;
    this.#folder = folder;
    this.#kubeconfig = kubeconfig;
  }

  /** undefined where PATH does not have it. */
  static async find(name: string, kubeconfig?: string): Promise<Helm | undefined> {
    const program = onPath(name);
    if (program !== undefined)
      return new Helm(program, await mkdtemp(join(tmpdir(), "image-security-helm-")), kubeconfig);
    console.log(`      skipped: there is no ${name} on PATH; .ci/tools builds it`);
    return undefined;
  }

  async run(...args: readonly string[]): Promise<HelmResult> {
    const { promise, resolve } = Promise.withResolvers<HelmResult>();
    const env = {
      PATH: process.env["PATH"],
      HOME: this.#folder,
      ...(this.#kubeconfig === undefined ? {} : { KUBECONFIG: this.#kubeconfig }),
    };
    execFile(this.#program, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
    return await promise;
  }

  /** Runs a command with the chart and these values; `args` come before. */
  async withChart(args: readonly string[], values: object): Promise<HelmResult> {
    const file = join(this.#folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    return await this.run(...args, CHART, "--values", file);
  }

  /** What is rendered with these values. Throws where it is refused. */
  async template(namespace: string, values: object): Promise<string> {
    const { code, stdout, stderr } = await this.withChart(
      ["template", "image-security", "--namespace", namespace, "--no-hooks", ...KUBERNETES],
      { image: IMAGE, ...values },
    );
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
