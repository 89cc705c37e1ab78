import type { CredentialFiles } from "./credentials.ts";

/** A single etcd for data that nobody will miss. */
export const etcdArguments = (url: string, dataDirectory: string): readonly string[] => [
  `--data-dir=${dataDirectory}`,
  `--listen-client-urls=${url}`,
  `--advertise-client-urls=${url}`,
  "--listen-peer-urls=http://127.0.0.1:0",
  "--unsafe-no-fsync=true",
  "--log-level=warn",
];

export interface ApiServerAddresses {
  readonly url: string;
  readonly etcdUrl: string;
  readonly files: CredentialFiles;
}

/** The flags that controller-runtime's envtest gives to kube-apiserver, and its certificate for webhooks. Features are left at their defaults. */
export const apiServerArguments = ({ url, etcdUrl, files }: ApiServerAddresses): readonly string[] => [
  "--advertise-address=127.0.0.1",
  "--bind-address=127.0.0.1",
  `--secure-port=${new URL(url).port}`,
  `--etcd-servers=${etcdUrl}`,
  `--tls-cert-file=${files.servingCertificate}`,
  `--tls-private-key-file=${files.servingKey}`,
  `--client-ca-file=${files.ca}`,
  `--service-account-issuer=${url}`,
  `--service-account-key-file=${files.serviceAccountPublicKey}`,
  `--service-account-signing-key-file=${files.serviceAccountPrivateKey}`,
  `--admission-control-config-file=${files.admission}`,
  "--service-cluster-ip-range=10.0.0.0/24",
  // Endpoints may not be loopback addresses: the API server would try every 10 s to write its own, and complain.
  "--endpoint-reconciler-type=none",
  "--authorization-mode=RBAC",
  "--allow-privileged=true",
  // No controller makes the `default` ServiceAccount of a namespace, without which this plugin refuses every pod.
  "--disable-admission-plugins=ServiceAccount",
];
