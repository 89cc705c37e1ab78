/**
 * The warm decision: `node bench/warmDecision.ts [rounds]`. CPU per review of the webhook and of a bare node:https server that
 * parses the same body and allows, in turns in one run, each in a process of its own on the same CPU.
 */
import { Agent } from "node:https";
import { addToStore } from "../sandbox/registry/push.ts";
import { startRegistry } from "../sandbox/registry/server.ts";
import { issueAuthority, issueServing } from "../webhook/certificates/issue.ts";
import { provedImage, publicKey } from "./warm/images.ts";
import { post } from "./warm/load.ts";
import { podReviews } from "./warm/reviews.ts";
import { startUnderTest } from "./warm/underTest.ts";

const rounds = Number(process.argv[2] ?? 15);
const perRound = 2_000;
const connections = 8;

const registry = await startRegistry();
const proved = ["shop/checkout", "shop/sidecar"].map((name) => ({ name, ...provedImage(name, new Date()) }));
for (const { name, image, signature, signatureTag, attestation, attestationTag } of proved) {
  addToStore(registry.store, name, image);
  addToStore(registry.store, name, signature, signatureTag);
  addToStore(registry.store, name, attestation, attestationTag);
}
const bodies = podReviews(
  proved.map(({ name, image }) => `registry.company.com/${name}@${image.digest}`),
  256,
);

const now = Date.now();
const authority = await issueAuthority(now);
const serving = await issueServing(authority, ["127.0.0.1"], now);
const setup = { ...serving, registry: registry.url, remember: true };
const servers = {
  "bare server": await startUnderTest("bareServer.ts", setup),
  "registries and digests": await startUnderTest("webhookServer.ts", setup),
  "all four layers": await startUnderTest("webhookServer.ts", { ...setup, publicKey }),
  "all four layers, no image twice in half a second": await startUnderTest("webhookServer.ts", {
    ...setup,
    publicKey,
    remember: false,
  }),
};

const names = Object.keys(servers) as (keyof typeof servers)[];
const agent = new Agent({ keepAlive: true, maxSockets: connections, ca: authority.cert });
/** Microseconds of CPU per review. */
const measure = async (name: keyof typeof servers, count: number): Promise<number> => {
  const { port, cpu } = servers[name];
  const before = await cpu();
  await post(port, agent, bodies, { count, connections });
  return ((await cpu()) - before) / count;
};

// Until the compilers of the engine have nothing more to gain.
for (let turn = 0; turn < 5; turn += 1) for (const name of names) await measure(name, 2 * perRound);
const measured = new Map<string, number[]>(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  // Another order each time, so that what warms up or throttles in a round strikes nobody always.
  for (let turn = 0; turn < names.length; turn += 1) {
    const name = names[(round + turn) % names.length];
    if (name !== undefined) measured.get(name)?.push(await measure(name, perRound));
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const bare = measured.get("bare server") ?? [];
console.log(`warm decision, ${bodies[0]?.length} bytes a review, median of ${rounds} rounds of ${perRound} reviews`);
console.table(
  Object.fromEntries(
    names.map((name) => {
      const own = measured.get(name) ?? [];
      const ratio = median(own.map((value, round) => value / (bare[round] ?? NaN)));
      return [name, { "CPU per review": `${median(own).toFixed(1)} us`, "ratio (bar: 1.25)": ratio.toFixed(3) }];
    }),
  ),
);

agent.destroy();
for (const { stop } of Object.values(servers)) stop();
await registry.close();
