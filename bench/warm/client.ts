import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { post } from "./load.ts";

/** Posts reviews to servers on this machine. */
export interface LoadClient {
  /** What it is, for the reader. */
  readonly name: string;
  /** Until so many are answered. Rejects where one is not allowed. */
  readonly post: (port: number, count: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const CONNECTIONS = 8;

/** A client in Go, as the API server is one, in a process of its own; where there is no Go, Node's in this process. */
export const startClient = async (authority: string, reviews: readonly Buffer[]): Promise<LoadClient> => {
  const folder = await mkdtemp(join(tmpdir(), "bench-client-"));
  const program = join(folder, "client");
  const built = spawnSync("go", ["build", "-o", program, join(import.meta.dirname, "client", "main.go")]);
  if (built.status !== 0) {
    await rm(folder, { recursive: true });
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: authority });
    return {
      name: "Node's client: there is no Go, whose requests come in more pieces",
      post: (port, count) => post(port, agent, reviews, { count, connections: CONNECTIONS }),
      stop: async () => agent.destroy(),
    };
  }
  const [ca, lines] = [join(folder, "ca.crt"), join(folder, "reviews.jsonl")];
  await writeFile(ca, authority);
  await writeFile(lines, Buffer.concat(reviews.flatMap((review) => [review, Buffer.from("\n")])));
  const child = spawn(program, [ca, lines], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    name: "a client in Go",
    post: async (port, count) => {
      child.stdin.write(`${port} ${count} ${CONNECTIONS}\n`);
      const { done } = await answers.next();
      if (done === true) throw new Error("the client has ended");
    },
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
      await rm(folder, { recursive: true });
    },
  };
};
