/**
 * The published command line: `node bench/check.ts [runs] [images]`, 15 and 50 by default. Start to first verdict of `check` on a static policy
 * (bar: 300 ms), and CPU of an image that is new to the process, whose signature by key, attestation and scan are read and proved (bar: 5 ms
 * beside the registry's own time, which is this process's; for scale: cosign verify takes 36 ms an image, policy-tester 39).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { startRegistry } from "../sandbox/registry/server.ts";
import { median } from "./load/quantile.ts";
import { publicKey, pushProved } from "./warm/images.ts";

const runs = Number(process.argv[2] ?? 15);
const images = Number(process.argv[3] ?? 50);
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "bench-check-"));

/** Writes microseconds of CPU to descriptor 3 at the end: a child's are told to nobody otherwise. */
const TELL = `data:text/javascript,import{writeSync}from"node:fs";process.on("exit",()=>{const{user,system}=process.cpuUsage();writeSync(3,String(user+system))})`;

/** Milliseconds. `registry`: CPU of this process, which is the registry. */
interface Run {
  readonly clock: number;
  readonly cpu: number;
  readonly registry: number;
}

const check = async (...args: readonly string[]): Promise<Run> => {
  const [begun, before] = [performance.now(), process.cpuUsage()];
  const child = spawn(
    process.execPath,
    ["--import", TELL, join(folder, "npm/lib/image-security.mjs"), "check", ...args],
    {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit", "pipe"],
      env: { PATH: process.env["PATH"], HOME: folder },
    },
  );
  const tell = child.stdio[3];
  if (child.stdout === null || !(tell instanceof Object) || !("read" in tell)) throw new Error("there are no pipes");
  const [said, cpu] = await Promise.all([text(child.stdout), text(tell), once(child, "close")]);
  const clock = performance.now() - begun;
  const { user, system } = process.cpuUsage(before);
  if (!/ judged: \d+ admitted/.test(said)) throw new Error(said);
  return { clock, cpu: Number(cpu) / 1_000, registry: (user + system) / 1_000 };
};

const podsOf = (names: readonly string[]): string =>
  names
    .map(
      (image, nth) =>
        `apiVersion: v1\nkind: Pod\nmetadata: {name: p${nth}}\nspec: {containers: [{name: c, image: "${image}"}]}\n`,
    )
    .join("---\n");
const policy = (spec: object): string =>
  JSON.stringify({
    apiVersion: "imagesecurity.dev/v1",
    kind: "ImageSecurityPolicy",
    metadata: { name: "bench" },
    spec,
  });

await using registry = await startRegistry();
try {
  const built = spawn(process.execPath, [join(root, "cli/bundle.ts"), "--out", join(folder, "npm")], {
    stdio: "ignore",
  });
  const [code] = await once(built, "exit");
  if (code !== 0) throw new Error("the package cannot be built");
  const names = Array.from({ length: images }, (_, nth) => {
    return pushProved(registry, `shop/app-${nth}`, registry.host);
  });
  const authorities = [{ name: "release", key: { pem: publicKey }, transparencyLog: "Ignored" }];
  const files = {
    "static.yaml": policy({ registries: { allow: [registry.host] }, digest: {} }),
    "signed.yaml": policy({ authorities, signatures: { authorities: ["release"] } }),
    "all.yaml": policy({
      registries: { allow: [registry.host] },
      digest: { verify: true },
      authorities,
      signatures: { authorities: ["release"] },
      attestations: [{ predicateType: "slsaprovenance1", authorities: ["release"] }],
      scan: { maxVulnerabilities: { critical: 0 }, maxAge: "24h" },
    }),
    "one.yaml": podsOf(names.slice(0, 1)),
    "many.yaml": podsOf(names),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);

  const rows: Record<string, object> = {};
  const measure = async (...args: readonly string[]) => {
    const results: Run[] = [];
    for (let run = 0; run < runs; run += 1) results.push(await check(...args));
    const of = (what: keyof Run): number => median(results.map((result) => result[what]));
    return { clock: of("clock"), cpu: of("cpu"), registry: of("registry") };
  };
  const first = await measure("one.yaml", "--policy=static.yaml");
  rows["start to first verdict, static"] = { clock: `${first.clock.toFixed(0)} ms`, CPU: `${first.cpu.toFixed(0)} ms` };
  for (const [what, file] of [
    ["a signature by key", "signed.yaml"],
    ["all four layers", "all.yaml"],
  ] as const) {
    const one = await measure("one.yaml", `--policy=${file}`);
    const many = await measure("many.yaml", `--policy=${file}`);
    const each = (of: keyof Run): string => `${((many[of] - one[of]) / (images - 1)).toFixed(2)} ms`;
    rows[`each of ${images} new images, ${what}`] = {
      clock: each("clock"),
      CPU: each("cpu"),
      "the registry's CPU": each("registry"),
    };
  }
  console.log(`medians of ${runs} runs of the package; the clock has the registry's time too`);
  console.table(rows);
} finally {
  await rm(folder, { recursive: true });
}
