import { sampleRegistry } from "./registry/samples.ts";

/** Where the sandbox's parts are. */
export interface SandboxPlaces {
  readonly kubeconfig: string;
  /** Base URL of the sandbox registry. */
  readonly registryUrl: string;
}

/** The operator's flags in a sandbox: everything on loopback and on free ports, everything trusted, audits often. */
export const operatorFlags = ({ kubeconfig, registryUrl }: SandboxPlaces): readonly string[] => [
  `--kubeconfig=${kubeconfig}`,
  "--trust-namespaces=*",
  `--registry-mirror=${sampleRegistry}=${registryUrl}`,
  // A host without a port is that host with every port.
  "--registry-plain-http=127.0.0.1,localhost",
  "--allow-address=127.0.0.0/8,::1",
  "--webhook-host=127.0.0.1",
  "--webhook-port=0",
  "--metrics-host=127.0.0.1",
  "--metrics-port=0",
  "--audit-interval=10s",
  "--log-format=text",
];
