import { fieldsOf, listOf, type JsonObject } from "../../json/fields.ts";
import { Reflector } from "../../kube/cache/reflector.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import type { Log } from "../../kube/log.ts";
import { labelsOf, metadataOf } from "../../kube/object.ts";
import { MANAGED_BY_LABEL, MANAGER } from "../cluster/managedBy.ts";
import type { PingSource } from "../graph.ts";
import { API_VERSION, BINDING_KIND, POLICY_KIND } from "./generate.ts";

export type LiveKind = typeof POLICY_KIND | typeof BINDING_KIND;

/** An object as it stands in the API server. Of those of others only the name is kept. */
export interface LiveObject {
  readonly resourceVersion: string;
  /** It has our label, or is owned by a policy of ours. */
  readonly ours: boolean;
  readonly metadata: JsonObject;
  readonly spec: unknown;
}

/** The ValidatingAdmissionPolicies and bindings of the cluster. */
export interface LiveObjects extends PingSource {
  readonly get: (kind: LiveKind, name: string) => LiveObject | undefined;
  /** Names of those that are ours. */
  readonly ours: (kind: LiveKind) => readonly string[];
  /** Takes in an object as the answer to a write of ours had it, before the watch tells of it. */
  readonly learn: (kind: LiveKind, object: unknown) => void;
  /** It was deleted as it stood; meanwhile another may stand in its place. */
  readonly forget: (kind: LiveKind, name: string, was: LiveObject) => void;
  /** Why they cannot be read; undefined: they can. */
  readonly problem: () => string | undefined;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export const collectionOf = (kind: LiveKind): string =>
  `/apis/${API_VERSION}/${kind === POLICY_KIND ? "validatingadmissionpolicies" : "validatingadmissionpolicybindings"}`;

/** Watches all of them: RBAC and field selectors cannot tell those of one label. */
export function createLiveObjects(options: {
  readonly client: KubeClient;
  readonly log: Log;
  readonly onAlive: (resource: string, now: number) => void;
}): LiveObjects {
  const watch = (kind: LiveKind): Reflector<LiveObject> => {
    const resource = collectionOf(kind).slice(collectionOf(kind).lastIndexOf("/") + 1);
    return new Reflector<LiveObject>({
      resource,
      client: options.client,
      log: options.log,
      onAlive: (now) => options.onAlive(resource, now),
      path: collectionOf(kind),
      pageSize: 50,
      project: liveObject,
    });
  };
  const watches = { [POLICY_KIND]: watch(POLICY_KIND), [BINDING_KIND]: watch(BINDING_KIND) };
  const all = Object.values(watches);
  return {
    get: (kind, name) => watches[kind].store.get(name),
    ours: (kind) => [...watches[kind].store.entries()].filter(([, { ours }]) => ours).map(([name]) => name),
    learn: (kind, object) => {
      const { name, resourceVersion } = metadataOf(object);
      if (name !== "") watches[kind].store.learn(name, liveObject(object), resourceVersion);
    },
    forget: (kind, name, { resourceVersion }) => {
      const { store } = watches[kind];
      if (store.get(name)?.resourceVersion === resourceVersion) store.delete(name);
    },
    synced: () => all.every((one) => one.synced()),
    onPing: (listener) => {
      const forget = all.map((one) => one.onPing(listener));
      return () => forget.forEach((one) => one());
    },
    problem: () => all.map((one) => one.lastError()).find((error) => error !== undefined),
    start: () => all.forEach((one) => one.start()),
    stop: async () => {
      await Promise.all(all.map((one) => one.stop()));
    },
  };
}

export function liveObject(object: unknown): LiveObject {
  const { resourceVersion } = metadataOf(object);
  const metadata = fieldsOf(fieldsOf(object)["metadata"]);
  // Who takes the label away does not free the object.
  const ours =
    labelsOf(metadata["labels"])[MANAGED_BY_LABEL] === MANAGER || listOf(metadata["ownerReferences"]).some(isPolicy);
  return ours ? { resourceVersion, ours, metadata, spec: fieldsOf(object)["spec"] } : { ...OTHERS, resourceVersion };
}

const OTHERS = { ours: false, metadata: {}, spec: undefined } as const;

function isPolicy(reference: unknown): boolean {
  const { apiVersion, kind } = fieldsOf(reference);
  return apiVersion === "imagesecurity.dev/v1" && kind === "ImageSecurityPolicy";
}
