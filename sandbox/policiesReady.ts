import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../kube/kubeClient.ts";
import { type JsonObject, fieldsOf, listOf, textOf } from "../json/fields.ts";
import { metadataOf } from "../kube/object.ts";

const policiesPath = "/apis/imagesecurity.dev/v1/imagesecuritypolicies";

/** A policy and what its Ready condition says; `reason` is empty while the operator has not said anything. */
export interface PolicyState {
  readonly name: string;
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Waits until the operator has judged every policy as it is now, for `within` milliseconds at most, and says what came out. */
export const policiesReady = async (
  client: KubeClient,
  within: number,
  signal?: AbortSignal,
): Promise<readonly PolicyState[]> => {
  const deadline = Date.now() + within;
  for (;;) {
    const { body } = await client.request("GET", policiesPath, signal === undefined ? {} : { signal });
    const states = listOf(fieldsOf(body)["items"]).map((item) => stateOf(fieldsOf(item)));
    if (states.every(({ reason }) => reason !== "") || Date.now() > deadline) return states;
    await sleep(100, undefined, { signal });
  }
};

const stateOf = (policy: JsonObject): PolicyState => {
  const { name } = metadataOf(policy);
  const status = fieldsOf(policy["status"]);
  const isCurrent = status["observedGeneration"] === fieldsOf(policy["metadata"])["generation"];
  const condition = listOf(status["conditions"])
    .map(fieldsOf)
    .find((one) => one["type"] === "Ready");
  if (condition === undefined || !isCurrent) return { name, ready: false, reason: "", message: "" };
  return {
    name,
    ready: condition["status"] === "True",
    reason: textOf(condition["reason"]),
    message: textOf(condition["message"]),
  };
};
