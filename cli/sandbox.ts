import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import type { Sandbox } from "../sandbox/start.ts";

interface SandboxFlags {
  readonly empty: boolean;
  readonly port: number;
  readonly folder: string;
}

export const sandboxCommand = (): Command =>
  new Command("sandbox")
    .description("a throwaway API server, a registry and the operator on this machine, to try the policies")
    .option("--empty", "apply no sample policies", false)
    .option("--port <port>", "port of the registry, where it is free", parsePort, 5001)
    .option("--folder <path>", "where ready.json and the kubeconfig go", join(process.cwd(), ".sandbox"))
    .argument("[operator flags...]", "after --: flags of the operator, such as --log-level=debug")
    .action((flags: readonly string[], options: SandboxFlags) => run(options, flags));

const run = async ({ empty, port, folder }: SandboxFlags, operatorFlags: readonly string[]): Promise<void> => {
  // Loaded here: the other commands do without a control plane, and so does the operator's image.
  const { progress } = await import("../sandbox/progress.ts");
  const { startSandbox } = await import("../sandbox/start.ts");
  const { welcome } = await import("../sandbox/welcome.ts");
  const report = progress((text) => process.stdout.write(text));
  const end = untilToldToEnd();
  let sandbox: Sandbox;
  try {
    sandbox = await startSandbox({ folder, empty, port, report, operatorFlags, signal: end });
  } catch (error) {
    if (!end.aborted) throw error;
    report("ended before it was ready");
    return;
  }
  console.log(welcome(sandbox, empty));
  await new Promise((resolve) => {
    if (end.aborted) resolve(undefined);
    else end.addEventListener("abort", resolve, { once: true });
  });
  report("ending everything");
  await sandbox.stop();
  report("ended: nothing is left running");
};

/** Aborts on Ctrl-C, SIGTERM, a closed terminal, or the death of npm. A second Ctrl-C does not wait. */
const untilToldToEnd = (): AbortSignal => {
  const controller = new AbortController();
  const stop = (): void => {
    // What is still there is killed by the guard.
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error("told to end"));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  // npm passes signals on, but cannot when it is killed; a sandbox without its npm is one that nobody can end.
  if (process.env["npm_lifecycle_event"] === "start") {
    const npm = process.ppid;
    setInterval(() => {
      if (process.ppid !== npm && !controller.signal.aborted) stop();
    }, 1000).unref();
  }
  return controller.signal;
};

const parsePort = (text: string): number => {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("a port is a number from 0 to 65535.");
  return port;
};
