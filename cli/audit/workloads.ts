import type { KubeClient } from "../../kube/kubeClient.ts";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";
import { metadataOf } from "../../kube/object.ts";
import { listAll } from "../cluster/connect.ts";
import { manifestOf } from "../cluster/clusterManifests.ts";
import type { Manifest } from "../input/manifests.ts";

/** An object that makes images run, and whoever made it in the end. */
export interface Workload {
  readonly manifest: Manifest;
  /** `Deployment/web`: the topmost object that is known to have made it; itself where nobody did. */
  readonly owner: string;
  /** How the object would be made anew: a pod that a controller made is made by its template. */
  readonly type: "pod" | "template";
}

const KINDS: readonly (readonly [apiVersion: string, kind: string, plural: string])[] = [
  ["v1", "Pod", "pods"],
  ["apps/v1", "Deployment", "deployments"],
  ["apps/v1", "ReplicaSet", "replicasets"],
  ["apps/v1", "StatefulSet", "statefulsets"],
  ["apps/v1", "DaemonSet", "daemonsets"],
  ["v1", "ReplicationController", "replicationcontrollers"],
  ["batch/v1", "Job", "jobs"],
  ["batch/v1", "CronJob", "cronjobs"],
];

/**
 * Every pod that has not finished and every template that makes pods, of all namespaces or of one. `finished`: those pods as well.
 * Old ReplicaSets of a Deployment and the
 * finished Jobs of a CronJob make nothing any more and are left out.
 */
export const workloadsOf = async (
  client: KubeClient,
  namespace: string | undefined,
  { finished = false }: { readonly finished?: boolean } = {},
): Promise<readonly Workload[]> => {
  const lists = await Promise.all(
    KINDS.map(async ([apiVersion, kind, plural]) => {
      const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      const place = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
      return (await listAll(client, `${root}${place}/${plural}`)).map((object) => manifestOf(apiVersion, kind, object));
    }),
  );
  const all = lists.flat();
  const byUid = new Map(all.map((manifest) => [metadataOf(manifest.object).uid, manifest]));
  const topOf = (manifest: Manifest): Manifest => {
    const seen = new Set<Manifest>();
    for (let top = manifest; ;) {
      const next = byUid.get(textOf(fieldsOf(controllerOf(top))["uid"]));
      if (next === undefined || seen.has(next)) return top;
      seen.add(next);
      top = next;
    }
  };
  return all
    .filter((one) => isLive(one) || (finished && one.kind === "Pod"))
    .map((manifest) => {
      const top = topOf(manifest);
      const controller = fieldsOf(controllerOf(top));
      // A controller of a kind that is not listed, such as a Rollout, is still the one to tell.
      const owner =
        textOf(controller["kind"]) === ""
          ? `${top.kind}/${top.name}`
          : `${textOf(controller["kind"])}/${textOf(controller["name"])}`;
      return { manifest, owner, type: manifest.kind === "Pod" ? "pod" : "template" };
    });
};

const controllerOf = ({ object }: Manifest): unknown =>
  listOf(fieldsOf(object["metadata"])["ownerReferences"]).find((one) => fieldsOf(one)["controller"] === true);

const isLive = (manifest: Manifest): boolean => {
  const { kind, object } = manifest;
  const [spec, status] = [fieldsOf(object["spec"]), fieldsOf(object["status"])];
  switch (kind) {
    case "Pod":
      return !["Succeeded", "Failed"].includes(textOf(status["phase"]));
    case "ReplicaSet":
      return controllerOf(manifest) === undefined || spec["replicas"] !== 0;
    case "Job":
      return !listOf(status["conditions"]).some(
        (one) => ["Complete", "Failed"].includes(textOf(fieldsOf(one)["type"])) && fieldsOf(one)["status"] === "True",
      );
    default:
      return true;
  }
};
