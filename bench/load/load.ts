import { request, type Agent } from "node:https";

/** Posts the bodies one after the other on `connections` connections until `count` are answered. Rejects where one is not allowed. */
export const post = async (
  port: number,
  agent: Agent,
  bodies: readonly Buffer[],
  { count, connections }: { readonly count: number; readonly connections: number },
): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const body = bodies[next % bodies.length] ?? Buffer.alloc(0);
      next += 1;
      const answer = await send(port, agent, body);
      if (!answer.includes('"allowed":true') || answer.includes("warnings")) throw new Error(`not allowed: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
};

const send = (port: number, agent: Agent, body: Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const posted = request(
      {
        host: "127.0.0.1",
        port,
        path: "/validate?timeout=10s",
        method: "POST",
        agent,
        headers: { "content-type": "application/json", "content-length": body.length, accept: "application/json, */*" },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
        response.on("error", reject);
      },
    );
    posted.on("error", reject);
    posted.end(body);
  });
