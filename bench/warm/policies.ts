import type { PolicySpec } from "../../crds/types.ts";

/** What is judged by its text alone. */
export const texts: Readonly<Record<string, PolicySpec>> = {
  registries: { registries: { allow: ["registry.company.com", "ghcr.io/company/**"], deny: ["docker.io", "quay.io"] } },
  digests: { match: { excludeNamespaces: ["kube-*"] }, digest: { required: true } },
};

/** All four layers, one policy each; images must be signed by this key (PEM). */
export const contents = (pem: string): Readonly<Record<string, PolicySpec>> => {
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
