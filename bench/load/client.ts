import { Agent } from "node:https";
import { join } from "node:path";
import { startGoProgram } from "./goProgram.ts";
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
  const lines = Buffer.concat(reviews.flatMap((review) => [review, Buffer.from("\n")]));
  const program = await startGoProgram(join(import.meta.dirname, "reviews"), { files: [authority, lines] });
  if (program === undefined) {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: authority });
    return {
      name: "Node's client: there is no Go, whose requests come in more pieces",
      post: (port, count) => post(port, agent, reviews, { count, connections: CONNECTIONS }),
      stop: async () => agent.destroy(),
    };
  }
  return {
    name: "a client in Go",
    post: async (port, count) => {
      await program.ask(`${port} ${count} ${CONNECTIONS}`);
    },
    stop: program.stop,
  };
};
