/** The operator's webhook as it runs: its server, engine, evidence, metrics and log; only the cluster behind it is missing. */
import { RecentlyClean } from "../../engine/recentlyClean.ts";
import { createReview } from "../../engine/review.ts";
import { startEvidence } from "../../operator/evidence.ts";
import { fitHeap } from "../../operator/metrics/heap.ts";
import { createWinston } from "../../operator/metrics/logging.ts";
import { createMetrics } from "../../operator/metrics/metrics.ts";
import { readSettings } from "../../operator/settings/settings.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import { createMutate } from "../../webhook/review/mutate.ts";
import { measured } from "../../webhook/server/measured.ts";
import { AdmissionServer } from "../../webhook/server/server.ts";
import { createValidate } from "../../webhook/review/validate.ts";
import { serve } from "./child.ts";
import { contents, texts } from "./policies.ts";

fitHeap();
serve(async ({ cert, key, publicKey, only, registry, remember }) => {
  const read = readSettings(
    [
      `--registry-mirror=registry.company.com=${registry}`,
      "--registry-plain-http=127.0.0.1",
      "--allow-address=127.0.0.0/8",
      "--log-format=json",
    ],
    {},
  );
  if (read.status !== "ok") throw new Error("the settings are wrong");
  const { settings } = read;
  const log = createWinston(settings);
  const metrics = createMetrics();
  const evidence = startEvidence({
    settings,
    cluster: { readSecret: () => Promise.resolve(undefined), readServiceAccount: () => Promise.resolve(undefined) },
    reports: () => [],
    serviceRanges: () => [],
    runs: () => false,
    metrics: metrics.evidence,
    log,
    now: Date.now,
  });
  const specs = Object.entries(publicKey === undefined ? texts : contents(publicKey));
  const inForce = specs.filter(([name]) => only === undefined || only.includes(name));
  const policies = inForce.map(([name, spec]) => {
    const metadata = { name, uid: `uid-${name}`, generation: 1 };
    const policy = compilePolicy(
      { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata, spec },
      () => ({ status: "missing", message: "there is none" }),
    );
    if (policy.faults.length > 0) throw new Error(JSON.stringify(policy.faults));
    return policy;
  });
  const labels = { "kubernetes.io/metadata.name": "shop", env: "prod" };
  const namespaceLabels = (): typeof labels => labels;
  const server = new AdmissionServer({
    validate: measured(
      createValidate({
        policies: () => policies,
        review: createReview(
          evidence.gather,
          (error) => console.error(error),
          new RecentlyClean(remember ? undefined : 0),
        ),
        namespaceLabels,
        metrics: metrics.admission,
        logger: log,
        now: Date.now,
      }),
      metrics.admission,
    ),
    mutate: createMutate({
      policies: () => policies,
      namespaceLabels,
      resolveDigest: evidence.resolveDigest,
      logger: log,
    }),
    ready: () => true,
    logger: log,
    deadline: settings.admissionDeadline,
  });
  server.use({ cert, key });
  return await server.listen("127.0.0.1", 0);
});
