/**
 * The audit of a large cluster: `node bench/audit.ts [pods] [images]`, 150,000 and 10,000 by default. An API server of our own (in this
 * process) serves the pods in pages, whole as real ones are; the operator's caches, graph parts, engine and Violations run in a child
 * process, whose CPU and memory are measured.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { imageEnvironment } from "./image/environment.ts";
import { servePods } from "./audit/podServer.ts";
import type { AuditMeasurement } from "./audit/measure.ts";

const pods = Number(process.argv[2] ?? 150_000);
const images = Number(process.argv[3] ?? 10_000);

const server = await servePods({ pods, images });
const child = fork(fileURLToPath(new URL("audit/measure.ts", import.meta.url)), [String(server.port)], {
  stdio: ["ignore", "inherit", "inherit", "ipc"],
  env: { ...process.env, ...(await imageEnvironment()) },
  execArgv: ["--expose-gc"],
});
const [measured] = (await once(child, "message")) as [AuditMeasurement];
server.touch();
const [changed] = (await once(child, "message")) as [AuditMeasurement];
child.disconnect();
await once(child, "exit");
await server.close();

const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(2)} s`;
const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
console.log(
  `audit of ${pods.toLocaleString("en")} pods with ${images.toLocaleString("en")} distinct images, cached evidence`,
);
console.table({
  "list of all pods": { CPU: seconds(measured.listCpu), "longest block": `${Math.round(measured.listBlock)} ms` },
  "first full pass, with Violations": {
    CPU: seconds(measured.firstCpu),
    "longest block": `${Math.round(measured.firstBlock)} ms`,
  },
  "full pass (bar: 10 s)": { CPU: seconds(measured.passCpu), "longest block": `${Math.round(measured.passBlock)} ms` },
  "one changed pod": { CPU: `${changed.changedCpu.toFixed(1)} ms`, "judged pods": changed.changedJudged },
});
console.log(
  `violations: ${measured.violations}; RSS at most ${mebibytes(measured.rss)} (bar: 512 MiB), heap in use ${mebibytes(measured.heap)}`,
);
