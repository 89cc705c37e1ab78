import type { EventRecorder } from "../../kube/record/eventRecorder.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import type { EventReason } from "./eventReasons.ts";
import { byPolicyAndReason } from "../metrics/refusals.ts";

/** Tells in the cluster what admission refuses. */
export interface RefusalEvents {
  readonly note: (findings: readonly Finding[], namespace: string) => void;
  readonly close: () => Promise<void>;
}

export interface RefusalEventsOptions {
  /** Not the leader's alone: every replica refuses. */
  readonly events: Pick<EventRecorder<EventReason>, "record" | "close">;
  readonly policies: () => readonly CompiledPolicy[];
  /** The namespaces that there are. */
  readonly namespaces: { readonly has: (name: string) => boolean };
  /** Milliseconds between two writes of one Event; default 15,000. */
  readonly rest?: number;
}

/** Milliseconds. A flood of refusals must not become a flood of writes. */
const REST = 15_000;
/** Different Events in one rest: beyond that nobody reads them. */
const MOST = 200;

/**
 * One Event (`Refused`, on the policy, in the namespace `default`) for each policy, namespace and reason, whose count
 * grows: neither images nor names of objects are in it, so that no tenant can make more of them.
 */
export function createRefusalEvents({
  events,
  policies,
  namespaces,
  rest = REST,
}: RefusalEventsOptions): RefusalEvents {
  const waiting = new Map<string, { readonly finding: Finding; readonly namespace: string; count: number }>();
  const flush = (): void => {
    const uids = new Map(policies().map(({ name, uid }) => [name, uid]));
    for (const { finding, namespace, count } of waiting.values()) {
      const uid = uids.get(finding.policy);
      if (uid === undefined) continue;
      const involved = {
        apiVersion: "imagesecurity.dev/v1",
        kind: "ImageSecurityPolicy",
        namespace: "",
        name: finding.policy,
        uid,
      };
      const message = `refuses requests in namespace ${namespace}: ${finding.reason}`;
      events.record({ involved, type: "Warning", reason: "Refused", message }, count);
    }
    waiting.clear();
  };
  const timer = setInterval(flush, rest).unref();
  return {
    note: (findings, namespace) => {
      if (!namespaces.has(namespace)) return;
      for (const [finding, count] of byPolicyAndReason(findings)) {
        const key = `${finding.policy} ${namespace} ${finding.reason}`;
        const known = waiting.get(key);
        if (known !== undefined) known.count += count;
        else if (waiting.size < MOST) waiting.set(key, { finding, namespace, count });
      }
    },
    close: async () => {
      clearInterval(timer);
      flush();
      await events.close();
    },
  };
}
