/** The admission server under the largest policies, which counts how long its event loop is held. No image here has to be asked about. */
import { createReview } from "../../engine/review.ts";
import { RecentlyClean } from "../../engine/recentlyClean.ts";
import { SILENT } from "../../kube/log.ts";
import { fitHeap } from "../../operator/metrics/heap.ts";
import { createMetrics } from "../../operator/metrics/metrics.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { AdmissionServer } from "../../webhook/server/server.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { LARGEST } from "./policies.ts";

/** What the benchmark sends, and what it gets. */
export type ToServer =
  | { readonly type: "start"; readonly cert: string; readonly key: string }
  | { readonly type: "read" };
export type FromServer =
  | { readonly type: "listening"; readonly port: number }
  /** Milliseconds of CPU of the longest turn since the last reading, and the most memory so far, in bytes. */
  | { readonly type: "read"; readonly longest: number; readonly rss: number };

fitHeap();
const policies = Object.entries(LARGEST).map(([name, spec]) => {
  const metadata = { name, uid: `uid-${name}`, generation: 1 };
  const compiled = compilePolicy(
    { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata, spec },
    () => ({ status: "missing", message: "there is none" }),
  );
  if (compiled.faults.length > 0) throw new Error(JSON.stringify(compiled.faults));
  return compiled;
});

/** Counted in CPU of the thread: on a busy machine the clock also counts what others did. */
let [longest, rss] = [0, 0];
let last = process.threadCpuUsage();
setInterval(() => {
  const { user, system } = process.threadCpuUsage(last);
  last = process.threadCpuUsage();
  longest = Math.max(longest, (user + system) / 1_000);
  rss = Math.max(rss, process.memoryUsage.rss());
}, 1);

const start = async (cert: string, key: string): Promise<number> => {
  const { admission } = createMetrics();
  const common = { policies: () => policies, namespaceLabels: () => ({}), logger: SILENT };
  const review = createReview(
    () => {
      throw new Error("no image here has to be asked about");
    },
    undefined,
    new RecentlyClean(),
  );
  const server = new AdmissionServer({
    validate: createValidate({ ...common, review, metrics: admission, now: Date.now }),
    mutate: createMutate({ ...common, resolveDigest: () => ({ status: "absent", message: "none" }) }),
    ready: () => true,
    logger: SILENT,
    deadline: 9_000,
  });
  server.use({ cert, key });
  return server.listen("127.0.0.1", 0);
};

process.on("message", (message: ToServer) => {
  const send = (answer: FromServer): void => void process.send?.(answer);
  if (message.type === "start") void start(message.cert, message.key).then((port) => send({ type: "listening", port }));
  else {
    send({ type: "read", longest, rss });
    longest = 0;
  }
});
process.on("disconnect", () => process.exit());
