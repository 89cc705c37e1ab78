import type { AdmissionRequest } from "../../../../webhook/review/admissionReview.ts";

type Json = Readonly<Record<string, unknown>>;

const RESOURCES: Readonly<Record<string, readonly [group: string, resource: string]>> = {
  Pod: ["", "pods"],
  ReplicationController: ["", "replicationcontrollers"],
  Deployment: ["apps", "deployments"],
  ReplicaSet: ["apps", "replicasets"],
  StatefulSet: ["apps", "statefulsets"],
  DaemonSet: ["apps", "daemonsets"],
  Job: ["batch", "jobs"],
  CronJob: ["batch", "cronjobs"],
};

/** The kinds that make pods. */
export const WORKLOADS: readonly string[] = Object.keys(RESOURCES).filter((kind) => kind !== "Pod");

export interface PodOptions {
  readonly labels?: Json;
  readonly annotations?: Json;
  readonly nodeName?: string;
  readonly initContainers?: readonly string[];
  readonly ephemeralContainers?: readonly string[];
  readonly volumes?: readonly string[];
  readonly metadata?: Json;
}

const containers = (prefix: string, images: readonly string[] | undefined): readonly Json[] | undefined =>
  images?.map((image, index) => ({ name: `${prefix}${index}`, image }));

/** A pod whose containers `c0`, `c1`... have these images. */
export const pod = (images: readonly string[], options: PodOptions = {}): Json => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "web",
    namespace: "default",
    labels: options.labels,
    annotations: options.annotations,
    ...options.metadata,
  },
  spec: {
    containers: containers("c", images),
    initContainers: containers("i", options.initContainers),
    ephemeralContainers: containers("e", options.ephemeralContainers),
    volumes: options.volumes?.map((reference, index) => ({ name: `v${index}`, image: { reference } })),
    nodeName: options.nodeName,
  },
});

/** A workload of a kind, with the pod as its template. */
export const workload = (kind: string, template: Json): Json => {
  const [group] = RESOURCES[kind] ?? ["", ""];
  const { metadata, spec } = template;
  const made = { metadata, spec };
  return {
    apiVersion: group === "" ? "v1" : `${group}/v1`,
    kind,
    metadata: { name: "web", namespace: "default" },
    spec: kind === "CronJob" ? { jobTemplate: { spec: { template: made } } } : { template: made },
  };
};

/** What the API server would send about this object. */
export const request = (
  kind: string,
  object: Json | undefined,
  changes: Partial<AdmissionRequest> = {},
): AdmissionRequest => {
  const [group, resource] = RESOURCES[kind] ?? ["", `${kind.toLowerCase()}s`];
  return {
    uid: "7f0b2a5e-uid",
    kind: { group, version: "v1", kind },
    resource: { group, version: "v1", resource },
    subResource: "",
    name: "web",
    namespace: "default",
    operation: changes.oldObject === undefined ? "CREATE" : "UPDATE",
    userInfo: { username: "alice", groups: ["system:authenticated"] },
    object,
    oldObject: undefined,
    dryRun: false,
    ...changes,
  };
};

/** The body that carries a request. */
export const review = (admission: AdmissionRequest | Json): string =>
  JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: admission });
