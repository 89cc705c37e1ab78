import { sampleRegistry } from "./registry/samples.ts";
import { webhookClientName } from "./webhookAuthentication.ts";

/** Where the sandbox's parts are. */
export interface SandboxPlaces {
  readonly kubeconfig: string;
  /** Base URL of the sandbox registry. */
  readonly registryUrl: string;
  /** Path of the authority of the API server's certificate for webhooks. */
  readonly webhookClientCa: string;
}

/** The operator's flags in a sandbox: everything on loopback and on free ports, everything trusted, audits often. Those given win. */
export const operatorFlags = (places: SandboxPlaces, given: readonly string[] = []): readonly string[] => {
  const nameOf = (flag: string): string | undefined => flag.split("=", 1)[0];
  const named = new Set(given.map(nameOf));
  return [...ownFlags(places).filter((flag) => !named.has(nameOf(flag))), ...given];
};

const ownFlags = ({ kubeconfig, registryUrl, webhookClientCa }: SandboxPlaces): readonly string[] => [
  `--kubeconfig=${kubeconfig}`,
  "--trust-namespaces=*",
  `--registry-mirror=${sampleRegistry}=${registryUrl}`,
  // A host without a port is that host with every port.
  "--registry-plain-http=127.0.0.1,localhost",
  "--allow-address=127.0.0.0/8,::1",
  "--webhook-host=127.0.0.1",
  "--webhook-port=0",
  // Reviews are answered to the sandbox's API server alone: other programs of this machine reach the port, too.
  `--webhook-client-ca=${webhookClientCa}`,
  `--webhook-client-names=${webhookClientName}`,
  "--webhook-authentication-action=Enforce",
  "--metrics-host=127.0.0.1",
  "--metrics-port=0",
  "--audit-interval=10s",
  "--log-format=text",
];
