import { sampleRegistry } from "./registry/samples.ts";

/** Where the sandbox's parts are. */
export interface SandboxPlaces {
  readonly kubeconfig: string;
  /** Base URL of the sandbox registry. */
  readonly registryUrl: string;
}

/** The operator's flags in a sandbox: everything on loopback and on free ports, everything trusted, audits often. */
export const operatorFlags = (
  { kubeconfig, registryUrl }: SandboxPlaces,
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] => [
  `--kubeconfig=${kubeconfig}`,
  "--trust-namespaces=*",
  `--registry-mirror=${sampleRegistry}=${registryUrl}`,
  "--registry-plain-http=127.0.0.1,localhost",
  "--allow-address=127.0.0.0/8,::1",
  // A proxy of the user's leads to public registries, never to this machine.
  `--no-proxy=${["localhost", "127.0.0.0/8", "::1", env["NO_PROXY"] ?? env["no_proxy"] ?? ""].filter((part) => part !== "").join(",")}`,
  "--webhook-host=127.0.0.1",
  "--webhook-port=0",
  "--metrics-host=127.0.0.1",
  "--metrics-port=0",
  "--audit-interval=10s",
  "--log-format=text",
];
