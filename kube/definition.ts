import { getObject } from "./expectStatus.ts";
import type { KubeClient } from "./kubeClient.ts";

/**
 * Whether a custom resource's definition, such as `reports.openreports.io`, is truly not there; its own 404 does not say so
 * (`ReflectorOptions.absent`).
 */
export async function isDefinitionAbsent(client: KubeClient, name: string, signal: AbortSignal): Promise<boolean> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  return (await getObject(client, path, { signal })) === undefined;
}
