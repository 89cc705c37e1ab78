import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient, type KubeClient } from "../../kube/kubeClient.ts";
import { KubeError, messageOf } from "../../kube/kubeError.ts";
import { namesCluster } from "../../kube/namesCluster.ts";
import { listPages } from "../../kube/cache/listPages.ts";
import { UsageError } from "../exitCode.ts";
import type { ClusterFlags } from "./flags.ts";

/** A cluster, and what its kubeconfig calls it. */
export interface Connection {
  readonly client: KubeClient;
  readonly context: string;
}

/**
 * The API server of the kubeconfig, by whatever its user may do: commands read, and `export` has objects compiled by a dry run. Throws
 * UsageError where there is none.
 */
export const connect = (flags: ClusterFlags): Connection => {
  const config = loadConfig(flags);
  return { client: createKubeClient(config, "image-security"), context: config.getCurrentContext() };
};

const loadConfig = ({ kubeconfig, context }: ClusterFlags): KubeConfig => {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    const path = kubeconfig === undefined ? "" : ` ${kubeconfig}`;
    throw new UsageError(`the kubeconfig${path} cannot be read`, { cause: error });
  }
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context))
      throw new UsageError(`the kubeconfig has no context ${context}; there are ${known.join(", ") || "none"}`);
    config.setCurrentContext(context);
  }
  if (!namesCluster(config))
    throw new UsageError("there is no cluster: give --kubeconfig, or set KUBECONFIG or a current context");
  return config;
};

/** Milliseconds for one page. */
const PATIENCE = 60_000;

/**
 * Every object of a collection. Rejects with UsageError for a list that could not be had: a part that is missing must not look clean.
 * `optional`: a collection that a cluster may not have.
 */
export const listAll = async (
  client: KubeClient,
  path: string,
  { optional = false }: { readonly optional?: boolean } = {},
): Promise<readonly unknown[]> => {
  const objects: unknown[] = [];
  try {
    const result = await listPages({
      client,
      path,
      fieldSelector: undefined,
      pageSize: 500,
      timeout: PATIENCE,
      onItem: (object) => objects.push(object),
      onPage: () => undefined,
      signal: new AbortController().signal,
    });
    if (result.status === "absent" && !optional) throw result.error;
    return objects;
  } catch (error) {
    if (error instanceof KubeError && error.status === 403)
      throw new UsageError(`the kubeconfig's user may not read ${path}; ask for list on it`, { cause: error });
    throw new UsageError(`${path} could not be read: ${messageOf(error)}`, { cause: error });
  }
};

/** One object; undefined where there is none. */
export const getOne = async (client: KubeClient, path: string): Promise<unknown> => {
  const { status, body } = await client.request("GET", path).catch((error: unknown) => {
    throw new UsageError(`${path} could not be read: ${messageOf(error)}`, { cause: error });
  });
  if (status === 404) return undefined;
  if (status === 403) throw new UsageError(`the kubeconfig's user may not read ${path}; ask for get on it`);
  if (status !== 200) throw new UsageError(`${path} could not be read: HTTP ${status}`);
  return body;
};
