import type { ClusterReads } from "../../evidence/registry/auth/clusterReads.ts";
import { getObject } from "../../kube/expectStatus.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";

/** Reads pull secrets live, each when an image needs it: Secrets of all namespaces are nothing to keep in memory. */
export function createClusterReads(client: KubeClient): ClusterReads {
  const path = (namespace: string, resource: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/${resource}/${encodeURIComponent(name)}`;

  return {
    readSecret: async (namespace, name, signal) => {
      const secret = await getObject(client, path(namespace, "secrets", name), { signal });
      if (secret === undefined) return undefined;
      const data = Object.entries(fieldsOf(fieldsOf(secret)["data"]));
      return Object.fromEntries(data.map(([key, value]) => [key, textOf(value)]));
    },
    readServiceAccount: async (namespace, name, signal) => {
      const account = await getObject(client, path(namespace, "serviceaccounts", name), { signal });
      if (account === undefined) return undefined;
      return listOf(fieldsOf(account)["imagePullSecrets"])
        .map((reference) => textOf(fieldsOf(reference)["name"]))
        .filter((secret) => secret !== "");
    },
  };
}
