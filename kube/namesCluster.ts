import type { KubeConfig } from "@kubernetes/client-node";

/**
 * Whether a kubeconfig, or the Pod's ServiceAccount, says where the cluster is. Where nothing does the client falls back on kubectl's old port, over
 * plain HTTP, which it then refuses with words that name neither.
 */
export const namesCluster = (config: KubeConfig): boolean => {
  const server = config.getCurrentCluster()?.server;
  return server !== undefined && server !== "http://localhost:8080";
};
