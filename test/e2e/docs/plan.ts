import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksOf, commandsOf, type Block } from "./blocks.ts";

export const ROOT: string = fileURLToPath(new URL("../../..", import.meta.url));

/**
 * Where a block of commands is run: in the sandbox; on a bare API server, where the operator starts as soon as it is installed; by another test;
 * or not at all, and why.
 */
export type How = "sandbox" | "installed" | { readonly by: string } | { readonly not: string };

const EXCEPTIONS: How = { by: "test/e2e/audit/exceptions.test.ts" };
const ROLLING_OUT: How = { by: "test/e2e/docs/rollingOut.test.ts" };
const NO_REGISTRY = "it needs a registry of the reader's, an image and a scanner";

/** Every block of commands, by its file and its first command. They run in this order. */
export const PLAN: readonly (readonly [file: string, first: string, how: How])[] = [
  ["README.md", "npm ci && npm start", { by: "test/e2e/sandbox/sandbox.test.ts" }],
  ["README.md", "export KUBECONFIG=$PWD/.sandbox/kubeconfig", "sandbox"],
  ["README.md", "kubectl get violations -A", "sandbox"],
  ["README.md", "kubectl delete isp --all", "sandbox"],
  ["README.md", "kubectl create secret generic cosign-pub --from-file=cosign.pub -n opa-system", "sandbox"],
  ["README.md", "docker build", { not: "it needs Docker" }],
  ["README.md", "kubectl apply -k deploy", "installed"],
  ["README.md", "helm install", { by: "test/e2e/config/helm.test.ts" }],
  ["config/README.md", "kubectl apply -k config/default", "installed"],
  [
    "docs/operations.md",
    'kubectl annotate validatingwebhookconfiguration image-security imagesecurity.dev/suspended="incident 42"',
    "installed",
  ],
  ["docs/operations.md", "kubectl scale deployment", "installed"],
  ["docs/operations.md", "kubectl apply -k config/default", "installed"],
  ["docs/exceptions.md", "kubectl create clusterrolebinding", "installed"],
  ["docs/authenticating-api-servers.md", "openssl req", "installed"],
  ["docs/authenticating-api-servers.md", "kubectl create configmap", "installed"],
  [
    "docs/operations.md",
    "kubectl annotate validatingwebhookconfiguration image-security imagesecurity.dev/suspended=removing",
    "installed",
  ],
  ["config/README.md", "kubectl annotate", { by: "test/e2e/docs/docs.test.ts" }],
  ["docs/gitops.md", "kubectl patch configmap argocd-cm", { by: "test/e2e/config/applying.test.ts" }],
  [
    "docs/operations.md",
    "kubectl rollout undo",
    { not: "no controller keeps the Deployment's revisions here; ADR 9 says how going back was tried" },
  ],
  ["docs/reporting.md", "kubectl get reports.openreports.io", { by: "test/e2e/reporting/openReports.test.ts" }],
  ["docs/policies.md", "cosign generate-key-pair", { by: "test/e2e/registry-tools/cosign.test.ts" }],
  ["docs/signatures.md", "cosign generate-key-pair", { by: "test/e2e/registry-tools/cosign.test.ts" }],
  [
    "docs/signatures.md",
    "gh attestation trusted-root",
    { not: "gh asks GitHub for it, and nothing here asks the internet" },
  ],
  ["docs/signatures.md", "kubectl create configmap notary-ca", { by: "test/e2e/notation/signatures.test.ts" }],
  ["docs/scans.md", "IMAGE=", { not: NO_REGISTRY }],
  ["docs/scans.md", "trivy image", { not: NO_REGISTRY }],
  ["docs/command-line.md", "image-security check", { by: "test/e2e/cli/check.test.ts" }],
  ["docs/command-line.md", "image-security audit", { by: "test/e2e/cli/audit.test.ts" }],
  ["docs/command-line.md", "image-security where", { by: "test/e2e/cli/audit.test.ts" }],
  ["docs/command-line.md", "image-security migrate", { by: "test/e2e/cli/migrate.test.ts" }],
  [
    "docs/without-the-webhook.md",
    "image-security export static-manifests",
    { by: "test/e2e/admissionPolicies/staticManifests.test.ts" },
  ],
  ["docs/rolling-out.md", "for name in shop", ROLLING_OUT],
  ["docs/rolling-out.md", "export IMAGE_SECURITY_REGISTRY_MIRROR", ROLLING_OUT],
  ["docs/rolling-out.md", "sed 's/enforcementAction: .*/enforcementAction: dryrun/'", ROLLING_OUT],
  ["docs/rolling-out.md", "sed 's/enforcementAction: .*/enforcementAction: warn/'", ROLLING_OUT],
  ["docs/rolling-out.md", "image-security migrate deploy", ROLLING_OUT],
  ["docs/rolling-out.md", 'sed "s/EXPIRES', ROLLING_OUT],
  ["docs/rolling-out.md", "image-security check deploy --from-cluster", ROLLING_OUT],
  ["docs/rolling-out.md", "kubectl patch isp base digest", ROLLING_OUT],
  ["docs/rolling-out.md", "kubectl apply -f config/samples/base.yaml", ROLLING_OUT],
  ["docs/rolling-out.md", "kubectl create secret generic release-key", ROLLING_OUT],
  ["docs/exceptions.md", "kubectl get ise", EXCEPTIONS],
  ["docs/exceptions.md", "kubectl get violations -A -l imagesecurity.dev/exempted=true", EXCEPTIONS],
];

/** The blocks of a file of the repository. */
export const read = async (file: string): Promise<readonly Block[]> =>
  blocksOf(await readFile(join(ROOT, file), "utf8"));
/** Whether a block holds commands. */
export const isScript = ({ language }: Block): boolean => language === "sh" || language === "console";
/** Whether a block is the one of an entry. */
export const begins = (block: Block, first: string): boolean =>
  commandsOf(block)[0]?.command.startsWith(first) === true;
