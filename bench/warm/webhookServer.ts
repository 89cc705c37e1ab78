/** The operator's webhook as it runs: its server, engine, evidence, metrics and log; only the cluster behind it is missing. */
import type { PolicySpec } from "../../crds/types.ts";
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

const texts: Readonly<Record<string, PolicySpec>> = {
  registries: { registries: { allow: ["registry.company.com", "ghcr.io/company/**"], deny: ["docker.io", "quay.io"] } },
  digests: { match: { excludeNamespaces: ["kube-*"] }, digest: { required: true } },
};

const contents = (pem: string): Readonly<Record<string, PolicySpec>> => {
  const authorities: PolicySpec["authorities"] = [{ name: "release", key: { pem }, transparencyLog: "Ignored" }];
  return {
    ...texts,
    verified: { digest: { required: true, verify: true } },
    scanned: {
      scan: {
        sources: [{ imageAnnotation: { key: "trivy.scan.result" } }],
        maxVulnerabilities: { critical: 0, high: 0 },
        maxAge: "24h",
        minScore: 60,
      },
    },
    signed: { authorities, signatures: { authorities: ["release"] } },
    attested: {
      authorities,
      attestations: [
        {
          predicateType: "https://slsa.dev/provenance/v1",
          authorities: ["release"],
          conditions: [
            { expression: 'predicate.runDetails.builder.id == "https://ci.company.com"', message: "built elsewhere" },
          ],
        },
      ],
    },
  };
};

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
