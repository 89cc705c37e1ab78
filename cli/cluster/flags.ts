import type { Command } from "commander";

/** How a command finds its cluster, as kubectl does. */
export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export const addClusterFlags = (command: Command): Command =>
  command
    .option("--kubeconfig <path>", "kubeconfig of the cluster (default: KUBECONFIG, ~/.kube/config)")
    .option("--context <name>", "context of the kubeconfig");
