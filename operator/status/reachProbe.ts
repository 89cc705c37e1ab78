import type { KubeClient, KubeResponse } from "../../kube/kubeClient.ts";
import { messageOf } from "../../kube/kubeError.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import { PROBE_ANSWER, PROBE_ENTRY, PROBE_NAME } from "../../webhook/configurations/probe.ts";
import type { Reach } from "../../webhook/guard/guardState.ts";

/** Milliseconds: longer than the API server waits for the webhook. */
const TIMEOUT_MS = 8_000;

/**
 * Whether the API server reaches the webhook: it is asked to make a Violation that the webhook refuses, in the operator's own namespace, as a
 * dry run, so that nothing is made whatever the answer. The right to make Violations is the operator's anyway. What it proves is the way of
 * the one API server that answered, and that the webhook's certificate is trusted.
 */
export const createReachProbe = (client: KubeClient, namespace: string) => async (): Promise<Reach> => {
  try {
    return reachOf(
      await client.request("POST", `/apis/imagesecurity.dev/v1/namespaces/${namespace}/violations`, {
        query: { dryRun: "All" },
        body: PROBE,
        timeout: TIMEOUT_MS,
      }),
    );
  } catch (error) {
    return { status: "unknown", cause: messageOf(error) };
  }
};

/** Reads the API server's answer to the probe. */
export function reachOf({ status, body }: Pick<KubeResponse, "status" | "body">): Reach {
  const message = textOf(fieldsOf(body)["message"]);
  if (status === 201) return { status: "notAsked" };
  if (message.includes(PROBE_ANSWER)) return { status: "reached" };
  // Another's webhook that fails says nothing of ours.
  const [, webhook, cause] = /failed calling webhook "([^"]*)": (.*)$/s.exec(message) ?? [];
  if (cause !== undefined && webhook === PROBE_ENTRY)
    return { status: "unreachable", cause: cause.replace(/^failed to call webhook: /, "") };
  if (status === 404) return { status: "unknown", cause: "the CRDs are not installed" };
  return { status: "unknown", cause: message || `HTTP ${status}` };
}

const PROBE = {
  apiVersion: "imagesecurity.dev/v1",
  kind: "Violation",
  metadata: { name: PROBE_NAME },
  policy: "probe",
  enforcementAction: "dryrun",
  subject: { apiVersion: "v1", kind: "Pod", name: PROBE_NAME, uid: PROBE_NAME },
  findings: [],
  summary: { count: 0, rules: "", reasons: "", images: "" },
};
