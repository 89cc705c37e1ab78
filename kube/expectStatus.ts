import type { KubeClient, KubeMethod, KubeRequest, KubeResponse } from "./kubeClient.ts";
import { statusError } from "./kubeError.ts";

/** Patches of objects as a whole field at a time (RFC 7386). */
export const MERGE_PATCH = "application/merge-patch+json";

/** The answer, where its status is one of these; rejects with the KubeError that any other stands for. */
export async function expectStatus(
  client: Pick<KubeClient, "request">,
  statuses: readonly number[],
  method: KubeMethod,
  path: string,
  options: KubeRequest = {},
): Promise<KubeResponse> {
  const response = await client.request(method, path, options);
  if (!statuses.includes(response.status)) throw statusError(method, path, response);
  return response;
}

/** The object at a path; undefined where there is none. Rejects with KubeError. */
export async function getObject(
  client: Pick<KubeClient, "request">,
  path: string,
  options: KubeRequest = {},
): Promise<unknown> {
  const { status, body } = await expectStatus(client, [200, 404], "GET", path, options);
  return status === 404 ? undefined : body;
}
