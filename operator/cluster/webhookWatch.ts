import type { KubeClient } from "../../kube/kubeClient.ts";
import type { Log } from "../../kube/log.ts";
import { Reflector } from "../../kube/cache/reflector.ts";
import { CONFIGURATION_NAME } from "../../webhook/configurations/generate.ts";

export interface WebhookWatchOptions {
  readonly client: KubeClient;
  readonly log: Log;
  readonly onAlive: (resource: string, now: number) => void;
  /** Something happened to one of the two webhook configurations, or it is not known what did. */
  readonly onChange: () => void;
}

export interface WebhookWatch {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

/** Tells of every change of the operator's two webhook configurations: what somebody takes away is put back at once. */
export function createWebhookWatch({ client, log, onAlive, onChange }: WebhookWatchOptions): WebhookWatch {
  const watches = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"].map(
    (resource) =>
      new Reflector<null>({
        resource,
        client,
        log,
        onAlive: (now) => onAlive(resource, now),
        path: `/apis/admissionregistration.k8s.io/v1/${resource}`,
        // By name: RBAC lets it watch this one alone.
        fieldSelector: `metadata.name=${CONFIGURATION_NAME}`,
        project: () => null,
      }),
  );
  for (const watch of watches) watch.onChange(onChange);
  return {
    start: () => {
      for (const watch of watches) watch.start();
    },
    stop: async () => {
      await Promise.all(watches.map((watch) => watch.stop()));
    },
  };
}
