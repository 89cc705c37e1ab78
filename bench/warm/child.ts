/** What the benchmark and a server under it say to each other. */

/** Sent once, with the start. */
export interface ChildSetup {
  readonly cert: string;
  readonly key: string;
  /** PEM of the key that signed the images; absent: registries and digests alone are judged. */
  readonly publicKey?: string;
  /** Names of the policies that are in force; absent: all. */
  readonly only?: readonly string[];
  /** Base URL of the registry that stands for registry.company.com. */
  readonly registry: string;
  /** false: no clean answer is said again because it was given a moment ago, as if no image came twice within that moment. */
  readonly remember: boolean;
}

export type ChildAnswer =
  | { readonly type: "listening"; readonly port: number }
  /** Microseconds of CPU since the process began, all its threads. */
  | { readonly type: "cpu"; readonly microseconds: number };

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/** Runs a server in this process for the benchmark that forked it. */
export const serve = (start: (setup: ChildSetup) => Promise<number>): void => {
  process.on("message", (message: ChildSetup | "cpu") => {
    const send = (answer: ChildAnswer): void => void process.send?.(answer);
    if (message === "cpu") send({ type: "cpu", microseconds: cpu() });
    else void start(message).then((port) => send({ type: "listening", port }));
  });
  process.on("disconnect", () => process.exit());
};
