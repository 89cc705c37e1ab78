/**
 * The worst objects: `node bench/worstObject.ts [rounds]`, 3 by default. Reviews as large as the API server makes them, under policies as
 * large as the schema takes, one at a time and then all at once; how long one of them holds the event loop of the operator's process, in
 * CPU of its thread, with the flags of the container image.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:https";
import { fileURLToPath } from "node:url";
import { issueAuthority, issueServing } from "../webhook/certificates/issue.ts";
import { imageEnvironment } from "./image/environment.ts";
import { median } from "./load/quantile.ts";
import { WORST } from "./worst/objects.ts";
import type { FromServer, ToServer } from "./worst/server.ts";

const rounds = Number(process.argv[2] ?? 3);
const now = Date.now();
const authority = await issueAuthority(now);
const serving = await issueServing(authority, ["127.0.0.1"], now);
const server = fork(fileURLToPath(new URL("worst/server.ts", import.meta.url)), {
  stdio: ["ignore", "inherit", "inherit", "ipc"],
  env: { ...process.env, ...(await imageEnvironment()) },
});
const ask = async (message: ToServer): Promise<FromServer> => {
  server.send(message);
  // Whatever the server sends is a FromServer.
  const [answer] = (await once(server, "message")) as [FromServer];
  return answer;
};
const listening = await ask({ type: "start", cert: serving.cert, key: serving.key });
if (listening.type !== "listening") throw new Error("the server did not start");

/** The code of the verdict, or of HTTP where there is none. */
const post = (body: Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port: listening.port,
        path: "/validate?timeout=10s",
        method: "POST",
        ca: authority.cert,
        headers: { "content-type": "application/json", "content-length": body.length },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const code = /"allowed":false,"status":\{"status":"Failure","code":(\d+)/.exec(text)?.[1];
          resolve(response.statusCode === 200 ? (code ?? "allowed") : `HTTP ${response.statusCode}`);
        });
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });

interface Row {
  readonly MiB: string;
  readonly answer: string;
  readonly "event loop held (bar: 50 ms)": string;
}
const rows: Record<string, Row> = {};
let memory = 0;
const measure = async (what: string, bodies: readonly Buffer[]): Promise<void> => {
  const held: number[] = [];
  let answers: readonly string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await ask({ type: "read" });
    answers = await Promise.all(bodies.map(post));
    const read = await ask({ type: "read" });
    if (read.type !== "read") throw new Error("the server did not say");
    held.push(read.longest);
    memory = Math.max(memory, read.rss);
  }
  const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
  rows[what] = {
    MiB: (bytes / 1024 / 1024).toFixed(1),
    answer: [...new Set(answers)].join(", "),
    "event loop held (bar: 50 ms)": `${median(held).toFixed(0)} ms`,
  };
};
await measure("(nothing)", []);
for (const [what, body] of Object.entries(WORST)) await measure(what, [body]);
const all = Object.values(WORST);
await measure("all at once", all);
await measure("five times all at once", [...all, ...all, ...all, ...all, ...all]);
server.disconnect();

console.log(`worst objects under the largest policies, median of ${rounds} rounds`);
console.table(rows);
console.log(`RSS at most ${Math.round(memory / 1024 / 1024)} MiB`);
