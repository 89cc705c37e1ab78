import type { KubeClient } from "../../kube/kubeClient.ts";
import type { Log } from "../../kube/log.ts";
import { fieldsOf } from "../../json/fields.ts";

/**
 * ConfigMap in the operator's namespace: the operator is being removed, takes its entries away and keeps away. Helm makes it before it deletes anything
 * (charts/image-security/templates/removal.yaml): what deletes the webhook configurations first would have them put back, and nobody would answer.
 */
export const REMOVAL = "image-security-removal";

export interface LeavingOptions {
  readonly client: Pick<KubeClient, "request">;
  /** The operator's own. */
  readonly namespace: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Pick<Log, "warn">;
}

/** Milliseconds for each look at the operator's own namespace. */
const LOOK_MS = 5_000;
/** Milliseconds since the ConfigMap was made in which a replica that has just started may have been started while Helm removes. */
const RECENT_MS = 600_000;

/**
 * Whether the operator is being removed: its namespace is deleted, or the ConfigMap says so. Where that cannot be read nobody knows, and the
 * operator stays; one that was leaving goes on leaving, for its rights go before it does.
 *
 * A ConfigMap that was there before this process, and for longer than a removal takes, was applied and not made by Helm: `helm template` and
 * kustomize's helmCharts render hooks among the rest, and no cluster is to stay open for that.
 */
export const createLeaving = ({ client, namespace, now, log }: LeavingOptions): (() => Promise<boolean>) => {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  let leaves = false;
  /** UID of what was there at the first look; null where nothing was, undefined before. */
  let foundFirst: unknown;
  let told = false;

  const isRemoval = (metadata: ReturnType<typeof fieldsOf>): boolean => {
    if (foundFirst === undefined) foundFirst = metadata["uid"];
    const age = now() - Date.parse(String(metadata["creationTimestamp"]));
    if (metadata["uid"] !== foundFirst || Math.abs(age) < RECENT_MS) return true;
    if (!told)
      log.warn(
        `the ConfigMap ${REMOVAL} was there before this operator, so it removes nothing: it is a hook of Helm's that was applied as an object; ` +
          `render with helm template --no-hooks, or skipHooks: true in kustomize, and kubectl delete configmap ${REMOVAL} -n ${namespace}`,
      );
    told = true;
    return false;
  };

  return async () => {
    const [own, removal] = await Promise.all(
      [path, `${path}/configmaps/${REMOVAL}`].map((at) => client.request("GET", at, { timeout: LOOK_MS })),
    );
    const deleted = own?.status === 200 && fieldsOf(fieldsOf(own.body)["metadata"])["deletionTimestamp"] !== undefined;
    const said = removal?.status === 200 && isRemoval(fieldsOf(fieldsOf(removal.body)["metadata"]));
    if (removal?.status === 404) foundFirst ??= null;
    leaves = deleted || said || (leaves && removal?.status !== 404 && removal?.status !== 200);
    return leaves;
  };
};
