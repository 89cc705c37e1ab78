/**
 * The memory of an operator in a process of its own, with what its image sets for Node, on a real API server: under each attack that a tenant, or
 * whoever reaches the webhook's port, has, and under all of them at once. The container's limit is 1 GiB.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import type { PolicySpec } from "../crds/types.ts";
import type { Image } from "../sandbox/registry/images.ts";
import { addToStore } from "../sandbox/registry/push.ts";
import { startRegistry } from "../sandbox/registry/server.ts";
import { startOwnCluster } from "../test/e2e/harness/cluster.ts";
import { attach, bundle, plainImage, scan, scanned, signed, VULN } from "../test/security/support/attestedImage.ts";
import { imageEnvironment } from "./image/environment.ts";
import { WORST } from "./worst/objects.ts";
import { LARGEST } from "./worst/policies.ts";

const MiB = 1024 * 1024;
const LIMIT = 1_024;
const LONG = Number(process.env["BENCH_SECONDS"] ?? 12) * 1_000;
/** Attested reports of 14 MiB, and images of wide pods. */
const REPORTS = 8;
const WIDE = 1_000;

const freePort = async (): Promise<number> => {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  // Listening on an address.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

/** So many vulnerabilities that the report is as large as that. */
const largeReport = async (image: Image): Promise<string> => {
  const found = Array.from({ length: 86_000 }, (_, nth) => ({ id: `CVE-2026-${100_000 + nth}`, severity: "LOW" }));
  return bundle(image, VULN, scan(image, found, -1));
};

await using registry = await startRegistry();
const reported: Image[] = [];
let size = 0;
for (let nth = 0; nth < REPORTS; nth += 1) {
  const image = plainImage(`reported ${nth}`);
  const report = await largeReport(image);
  size = report.length;
  addToStore(registry.store, "team/app", image);
  addToStore(registry.store, "team/app", attach(image, VULN, report));
  reported.push(image);
}
const wide = Array.from({ length: WIDE }, (_, nth) => plainImage(`wide ${nth}`));
for (const image of wide) addToStore(registry.store, "team/app", image);
console.log(`${REPORTS} reports of ${Math.round(size / MiB)} MiB, ${WIDE} images`);

const cluster = await startOwnCluster();
await cluster.installCrds();
await cluster.kubectl("create", "namespace", "image-security-system");
await cluster.newNamespace("tenant");
/** The schema takes more lists than etcd takes bytes. */
const stored = ({ registries = {}, ...spec }: PolicySpec): PolicySpec => ({
  ...spec,
  registries: { ...registries, namespaces: (registries.namespaces ?? []).slice(0, 24) },
});
const specs: Readonly<Record<string, PolicySpec>> = {
  ...Object.fromEntries(Object.entries(LARGEST).map(([name, spec]) => [name, stored(spec)])),
  verified: { match: { namespaces: ["content"] }, digest: { required: true, verify: true } },
  scanned: { match: { namespaces: ["content"] }, ...scanned },
  signed: { match: { namespaces: ["content"] }, enforcementAction: "warn", ...signed },
};
for (const [name, spec] of Object.entries(specs)) {
  const object = { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec };
  const { code, stderr } = await cluster.kubectl("create", "-f", "-", { input: JSON.stringify(object) });
  if (code !== 0) throw new Error(stderr);
}

const port = await freePort();
const operator = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("../cli/main.ts", import.meta.url)),
    "operator",
    `--kubeconfig=${cluster.kubeconfig}`,
    "--namespace=image-security-system",
    "--webhook-host=127.0.0.1",
    `--webhook-port=${port}`,
    "--metrics-port=off",
    "--manage-webhooks=false",
    "--registry-plain-http=127.0.0.1",
    "--allow-address=127.0.0.0/8",
    "--log-format=text",
  ],
  { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"], ...(await imageEnvironment()) } },
);
let output = "";
for (const stream of [operator.stdout, operator.stderr])
  stream.on("data", (chunk) => (output = (output + String(chunk)).slice(-4_000)));

/** The most resident memory since the last reading, in MiB. */
const memory = async (): Promise<number> => {
  const status = await readFile(`/proc/${operator.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
};

const agent = new Agent({ connect: { rejectUnauthorized: false }, connections: 16 });
const post = async (body: Buffer): Promise<number> => {
  try {
    const answer = await request(`https://127.0.0.1:${port}/validate?timeout=10s`, {
      dispatcher: agent,
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    await answer.body.dump();
    return answer.statusCode;
  } catch {
    return 0;
  }
};

let uid = 0;
const podOf = (images: readonly Image[]): Buffer => {
  uid += 1;
  const containers = images.map(({ digest }, nth) => ({
    name: `c${nth}`,
    image: `${registry.host}/team/app@${digest}`,
  }));
  return Buffer.from(
    JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        uid: String(uid),
        kind: { group: "", version: "v1", kind: "Pod" },
        resource: { group: "", version: "v1", resource: "pods" },
        namespace: "content",
        operation: "CREATE",
        userInfo: { username: "tenant", groups: [] },
        object: { metadata: {}, spec: { containers } },
      },
    }),
  );
};

const inTurn = <T>(all: readonly T[], nth: number): T => {
  const one = all[nth % all.length];
  if (one === undefined) throw new Error("there are none");
  return one;
};
const part = (from: number): readonly Image[] => Array.from({ length: 200 }, (_, at) => inTurn(wide, from + at));
const worst = Object.values(WORST);

/** Each does one round of it, over and over while the attack lasts. */
const attacks: Readonly<Record<string, (nth: number) => Promise<unknown>>> = {
  "worst objects": async (nth) => post(inTurn(worst, nth)),
  "pods of 200 images": async (nth) => post(podOf(part(200 * nth))),
  "reports of 14 MiB": async (nth) => post(podOf([inTurn(reported, nth), inTurn(reported, nth + 1)])),
  "chunks of a byte": async () => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    const closed = once(socket, "close").catch(() => undefined);
    socket.on("error", () => undefined);
    socket.write("POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    socket.write("Transfer-Encoding: chunked\r\n\r\n");
    for (let sent = 0; sent < 6 && !socket.destroyed; sent += 1)
      if (!socket.write("1\r\n \r\n".repeat(MiB))) await Promise.race([once(socket, "drain"), closed]).catch(() => 0);
    socket.destroy();
    await closed;
  },
  "bodies that never end": async () => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    socket.on("error", () => undefined);
    socket.write(
      `POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${7 * MiB}\r\n\r\n`,
    );
    socket.write(Buffer.alloc(7 * MiB - 1, 32));
    await sleep(1_000);
    socket.destroy();
  },
};

const under = async (names: readonly string[]): Promise<void> => {
  const until = performance.now() + LONG;
  let rounds = 0;
  const run = async (name: string, lane: number): Promise<void> => {
    for (let nth = lane; performance.now() < until && operator.exitCode === null; nth += 8) {
      await attacks[name]?.(nth);
      rounds += 1;
    }
  };
  await Promise.all(names.flatMap((name) => Array.from({ length: 8 }, async (_, lane) => run(name, lane))));
  if (operator.exitCode !== null || operator.signalCode !== null) throw new Error(`the operator ended: ${output}`);
  const most = await memory();
  console.log(
    `${names.length > 1 ? "all of them at once" : names.join()}: ${rounds} rounds, at most ${Math.round(most)} MiB so far`,
  );
  if (most > LIMIT) {
    console.log(`  above the container's ${LIMIT} MiB`);
    process.exitCode = 1;
  }
};

try {
  for (let tries = 0; (await post(podOf(part(0)))) !== 200; tries += 1) {
    if (tries > 100) throw new Error(`the operator does not answer: ${output}`);
    await sleep(200);
  }
  console.log(`ready: ${Math.round(await memory())} MiB`);
  for (const name of Object.keys(attacks)) await under([name]);
  await under(Object.keys(attacks));
} finally {
  operator.kill("SIGKILL");
  await agent.destroy();
  await cluster.stop();
}
