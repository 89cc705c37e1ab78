import type { KubeClient } from "../../kube/kubeClient.ts";
import type { Leadership } from "../../kube/leaderElection/leadership.ts";
import type { Log } from "../../kube/log.ts";
import type { PolicySet } from "../policies/policySet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Layer } from "./layer.ts";
import { createKeeper } from "./keeper.ts";
import { createLiveObjects, type LiveObjects } from "./live.ts";
import { createWanted } from "./wanted.ts";

/** What is kept in the API server itself, as the operator's other parts see it. */
export interface AdmissionPolicies {
  /** Policies, objects, the leader or the time are others: everything is looked at. */
  readonly refresh: () => void;
  /** This operator leads no longer. */
  readonly reset: () => void;
  readonly layer: (policy: string) => Layer;
  readonly stop: () => Promise<void>;
}

/** The generated objects of the cluster; undefined where none are kept. */
export function watchAdmissionPolicies(
  settings: Pick<Settings, "admissionPolicies">,
  options: Parameters<typeof createLiveObjects>[0],
): LiveObjects | undefined {
  return settings.admissionPolicies === "Off" ? undefined : createLiveObjects(options);
}

/** Keeps them, where they are watched. */
export function keepAdmissionPolicies(
  live: LiveObjects | undefined,
  options: {
    readonly client: KubeClient;
    readonly policies: () => PolicySet | undefined;
    /** What the webhook leaves out. */
    readonly excludeNamespaces: readonly string[];
    /** What is no image in a template. */
    readonly placeholders: readonly string[];
    readonly leadership: Leadership;
    readonly onChange: () => void;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    readonly log: Log;
  },
): AdmissionPolicies {
  if (live === undefined)
    return { refresh: () => undefined, reset: () => undefined, layer: () => "off", stop: () => Promise.resolve() };
  const keeper = createKeeper({
    client: options.client,
    live,
    wanted: createWanted(options.policies, options),
    leadership: options.leadership,
    onChange: options.onChange,
    log: options.log,
  });
  return {
    refresh: keeper.refresh,
    reset: keeper.reset,
    layer: (policy) => keeper.kept(policy) ?? "unknown",
    stop: keeper.close,
  };
}
