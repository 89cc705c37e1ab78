/**
 * Unseen images: `node bench/coldImages.ts [images]`, 300 by default. CPU of the operator's process for an image that it has never seen, in
 * a repository of its own: its manifest, signature, attestation and scan are read from a registry in another process's place and proved.
 * Each is asked for once, four at a time. Bar: 7 ms for a signature by key, the figure of issue 10.
 */
import { startRegistry } from "../sandbox/registry/server.ts";
import { issueAuthority, issueServing } from "../webhook/certificates/issue.ts";
import { Agent } from "node:https";
import { imageEnvironment } from "./image/environment.ts";
import { publicKey, pushProved } from "./warm/images.ts";
import { post } from "./load/load.ts";
import { podReviews } from "./warm/reviews.ts";
import { startUnderTest } from "./warm/underTest.ts";

const images = Number(process.argv[2] ?? 300);
/** Until Node has compiled what it runs. */
const before = Number(process.argv[3] ?? 200);

const registry = await startRegistry();
const bodies = Array.from({ length: before + images }, (_, nth) => {
  return podReviews([pushProved(registry, `shop/app-${nth}`)], 1);
}).flat();

const now = Date.now();
const authority = await issueAuthority(now);
const serving = await issueServing(authority, ["127.0.0.1"], now);
const setup = { ...serving, registry: registry.url, remember: true };
const rows: Record<string, { readonly "CPU per image": string; readonly "requests per image": string }> = {};
for (const [what, changes] of Object.entries({
  "a signature by key": { publicKey, only: ["signed"] },
  "all four layers": { publicKey },
})) {
  const server = await startUnderTest("webhookServer.ts", { ...setup, ...changes }, await imageEnvironment());
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: authority.cert });
  const load = (some: readonly Buffer[]) => post(server.port, agent, some, { count: some.length, connections: 4 });
  await load(bodies.slice(0, before));
  registry.forgetRequests();
  const begun = await server.cpu();
  await load(bodies.slice(before));
  const microseconds = (await server.cpu()) - begun;
  rows[what] = {
    "CPU per image": `${(microseconds / 1_000 / images).toFixed(2)} ms`,
    "requests per image": (registry.requests.length / images).toFixed(1),
  };
  agent.destroy();
  server.stop();
}
await registry.close();
console.log(`${images} unseen images, after ${before} others`);
console.table(rows);
