/**
 * The warm decision: `node bench/warmDecision.ts [rounds]`. CPU per review of the webhook, with the flags and the environment of the
 * container image, and of a bare node:https server that parses the same body and allows, in turns in one run, each in a process of its own
 * on the same CPU, asked by a client in another one.
 */
import { startRegistry } from "../sandbox/registry/server.ts";
import { issueAuthority, issueServing } from "../webhook/certificates/issue.ts";
import { publicKey, pushProved } from "./warm/images.ts";
import { imageEnvironment } from "./image/environment.ts";
import { startClient } from "./load/client.ts";
import { median } from "./load/quantile.ts";
import { podReviews } from "./warm/reviews.ts";
import { startUnderTest } from "./warm/underTest.ts";

const rounds = Number(process.argv[2] ?? 15);
const perRound = 2_000;

const registry = await startRegistry();
const push = (name: string): string => pushProved(registry, name);
const bodies = podReviews(["shop/checkout", "shop/sidecar"].map(push), 256);
/** Two images of its own for each pod. */
const others = Array.from({ length: 256 }, (_, nth) =>
  podReviews([push(`shop/app-${nth}`), push(`shop/side-${nth}`)], 1),
);

const now = Date.now();
const authority = await issueAuthority(now);
const serving = await issueServing(authority, ["127.0.0.1"], now);
const setup = { ...serving, registry: registry.url, remember: true };
const environment = await imageEnvironment();
const webhook = (changes: Partial<typeof setup & { publicKey: string }> = {}) =>
  startUnderTest("webhookServer.ts", { ...setup, ...changes }, environment);
/** 512 images, none of them said again because it was asked a moment ago: only what stands by its evidence is. */
const APART = "all four layers, no image twice in half a second (bar: 1.3)";
const servers = {
  "bare server": await startUnderTest("bareServer.ts", setup),
  "registries and digests": await webhook(),
  "all four layers (bar: 1.25)": await webhook({ publicKey }),
  [APART]: await webhook({ publicKey, remember: false }),
};

const names = Object.keys(servers) as (keyof typeof servers)[];
const client = await startClient(authority.cert, bodies);
const apart = await startClient(authority.cert, others.flat());
/** Microseconds of CPU per review. */
const measure = async (name: keyof typeof servers, count: number): Promise<number> => {
  const { port, cpu } = servers[name];
  const before = await cpu();
  await (name === APART ? apart : client).post(port, count);
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

const bare = measured.get("bare server") ?? [];
console.log(`warm decision, ${bodies[0]?.length} bytes a review, median of ${rounds} rounds of ${perRound} reviews`);
console.log(`asked by ${client.name}; the operator with NODE_OPTIONS=${environment["NODE_OPTIONS"]}`);
console.table(
  Object.fromEntries(
    names.map((name) => {
      const own = measured.get(name) ?? [];
      const ratio = median(own.map((value, round) => value / (bare[round] ?? NaN)));
      return [name, { "CPU per review": `${median(own).toFixed(1)} us`, ratio: ratio.toFixed(3) }];
    }),
  ),
);

await client.stop();
await apart.stop();
for (const { stop } of Object.values(servers)) stop();
await registry.close();
