import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { digestReference, sampleRegistry, taggedReference } from "./registry/samples.ts";
import type { Sandbox } from "./start.ts";

const samplesFolder = fileURLToPath(new URL("../config/samples", import.meta.url));

/** What a user reads when the sandbox is up: how to reach it, what to try, what it has not. */
export const welcome = ({ ready, kubectl: path }: Sandbox, empty: boolean): string => {
  const samples = relative(process.cwd(), samplesFolder) || samplesFolder;
  const lines = [
    "",
    "Sandbox ready",
    "",
    "In another terminal:",
    `  export KUBECONFIG=${ready.kubeconfig}`,
    ...(path === undefined || isOnPath(path) ? [] : [`  alias kubectl=${path}`]),
    ...(empty
      ? ["There are no policies yet; the samples would be applied by:", `  kubectl apply -k ${samples}`]
      : ["  kubectl get isp"]),
    "",
    ...(empty ? ["With them:"] : []),
    "  # refused: docker.io is no registry of the company",
    "  kubectl run docker-hub-test --image=nginx:latest",
    "  # refused: a tag can move; the message names the reference to write instead",
    `  kubectl run tag-test --image=${taggedReference("nginx", "v1.21")}`,
    "  # created",
    `  kubectl run digest-test --image=${digestReference("nginx", "v1.21")}`,
    "",
    "  kubectl get violations -A",
    "  kubectl explain isp.spec.registries.allow",
    `  curl ${ready.metrics}`,
    "",
    `${sampleRegistry} is the registry at ${ready.registry} here (plain HTTP; push to it with crane, oras or cosign).`,
    "This is an API server with etcd; there is no controller manager and no kubelet: pods stay Pending, a Deployment is",
    "judged but makes no pods, a deleted namespace stays Terminating. All data is gone at the end. Ctrl-C ends everything.",
    "",
  ];
  if (path === undefined) lines.push("There is no kubectl here: install it to try the commands.", "");
  return lines.join("\n");
};

const isOnPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(":").some((folder) => folder !== "" && resolve(folder) === dirname(program));
