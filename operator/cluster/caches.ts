import type { KubeClient } from "../../kube/kubeClient.ts";
import { isDefinitionAbsent } from "../../kube/definition.ts";
import type { Log } from "../../kube/log.ts";
import { isSameVersion } from "../../kube/object.ts";
import { projectNamespace, sameLabels, type NamespaceRecord } from "./namespaces.ts";
import {
  projectException,
  projectPolicy,
  sameGeneration,
  samePolicy,
  type ExceptionRecord,
  type PolicyRecord,
} from "../policies/policies.ts";
import type { LabelBound } from "./podBounds.ts";
import { createPodProjection, samePod, type PodRecord } from "./pods.ts";
import { projectViolation, type ViolationRecord } from "../violations/violationRecord.ts";
import { Reflector, type ReflectorTiming } from "../../kube/cache/reflector.ts";

/** What the operator keeps of the cluster. */
export interface Caches {
  readonly policies: Reflector<PolicyRecord>;
  readonly exceptions: Reflector<ExceptionRecord>;
  readonly violations: Reflector<ViolationRecord>;
  readonly namespaces: Reflector<NamespaceRecord>;
  readonly pods: Reflector<PodRecord>;
  /** Keeps these annotations of pods from now on. Resolves when all pods are known with them. */
  readonly keepAnnotations: (keys: ReadonlySet<string>) => Promise<void>;
  /** Keeps these labels of pods that have very many. Resolves when all such pods are known with them. */
  readonly keepLabels: (keys: ReadonlySet<string>) => Promise<void>;
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface CachesOptions {
  readonly client: KubeClient;
  readonly log: Log;
  readonly onAlive: (resource: string, now: number) => void;
  /** For tests. */
  readonly timing?: Partial<ReflectorTiming>;
}

const GROUP = "imagesecurity.dev";

export function createCaches({ client, log, onAlive, timing }: CachesOptions): Caches {
  let annotations: ReadonlySet<string> = new Set();
  const labels: LabelBound = { keys: new Set(), cut: false };
  const common = (resource: string) => ({
    resource,
    client,
    log,
    onAlive: (now: number) => onAlive(resource, now),
    ...(timing === undefined ? {} : { timing }),
  });
  const custom = (resource: string) => ({
    ...common(resource),
    path: `/apis/${GROUP}/v1/${resource}`,
    absent: (signal: AbortSignal) => isDefinitionAbsent(client, `${resource}.${GROUP}`, signal),
  });

  const policies = new Reflector<PolicyRecord>({
    ...custom("imagesecuritypolicies"),
    project: projectPolicy,
    same: samePolicy,
  });
  const exceptions = new Reflector<ExceptionRecord>({
    ...custom("imagesecurityexceptions"),
    project: projectException,
    same: sameGeneration,
  });
  const violations = new Reflector<ViolationRecord>({
    ...custom("violations"),
    project: projectViolation,
    same: isSameVersion,
  });
  const namespaces = new Reflector<NamespaceRecord>({
    ...common("namespaces"),
    path: "/api/v1/namespaces",
    project: projectNamespace,
    same: sameLabels,
  });
  const pods = new Reflector<PodRecord>({
    ...common("pods"),
    path: "/api/v1/pods",
    project: createPodProjection(() => annotations, labels),
    same: samePod,
  });
  const all = [policies, exceptions, violations, namespaces, pods];
  return {
    policies,
    exceptions,
    violations,
    namespaces,
    pods,
    keepAnnotations: async (keys) => {
      const news = [...keys].some((key) => !annotations.has(key));
      annotations = keys;
      // What is kept too much goes with the pods' next events.
      if (news) await pods.refresh();
    },
    keepLabels: async (keys) => {
      const news = [...keys].some((key) => !labels.keys.has(key));
      labels.keys = keys;
      // Hardly ever: no cluster has such pods but for somebody who means it badly.
      if (news && labels.cut) await pods.refresh();
    },
    start: () => {
      for (const watch of all) watch.start();
    },
    stop: async () => {
      await Promise.all(all.map((watch) => watch.stop()));
    },
  };
}
