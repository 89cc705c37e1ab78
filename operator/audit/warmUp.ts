import { setTimeout as sleep } from "node:timers/promises";
import { Gate } from "../../async/gate.ts";
import { within } from "../../async/signals.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { parseReference } from "../../policy/image/reference.ts";
import type { Log } from "../../kube/log.ts";
import type { NamespaceRecord } from "../cluster/namespaces.ts";
import type { PodContent, PodRecord } from "../cluster/pods.ts";
import type { PolicySet } from "../policies/policySet.ts";
import { podCase, type Judge } from "./judge.ts";
import { createSlices, inSlices } from "./slices.ts";

export interface WarmUpOptions {
  readonly pods: { readonly store: { readonly values: () => Iterable<PodRecord> } };
  readonly namespaces: { readonly get: (name: string) => NamespaceRecord | undefined };
  /** The audit's way of judging; its verdicts are nobody's business here, and forgotten at the end. */
  readonly judge: Judge;
  /** Resolves when the pods, and what else is kept of the cluster, are known. */
  readonly prepared: () => Promise<unknown>;
  /** Milliseconds that a replica waits for it at most; 0: no warm-up. */
  readonly limit: number;
  readonly log: Log;
  /** Told once, when it is over. */
  readonly onOver: () => void;
}

export interface WarmUp {
  /** Policies are in force: with the first of them it begins. */
  readonly begin: (set: PolicySet) => void;
  /** Whether it is over, well or badly. */
  readonly over: () => boolean;
  readonly stop: () => void;
}

/** Images whose evidence is fetched at one time, and begun in a second. */
const AT_ONCE = 8;
const PER_SECOND = 40;

/**
 * Has a new replica know the evidence of what runs before it is ready: it judges what the pods run, as an audit does, what most of them
 * run first. Else every replica of a rolling update asks the registries for all of it in the middle of a review. Whatever goes wrong ends with
 * its time.
 */
export function createWarmUp(options: WarmUpOptions): WarmUp {
  const { limit, log, onOver } = options;
  const stop = new AbortController();
  let begun = false;
  let over = false;

  const end = (): void => {
    if (over) return;
    over = true;
    stop.abort(new Error("the warm-up is over"));
    options.judge.forget();
    onOver();
  };

  const run = async (set: PolicySet): Promise<void> => {
    const since = performance.now();
    const { signal } = stop;
    await within(options.prepared(), { signal }, () => undefined);
    if (signal.aborted) return;
    const waiting = await distinct(options.pods.store.values(), signal);
    const gate = new Gate(AT_ONCE);
    const rest = createSlices();
    let judged = 0;
    for (const pod of waiting) {
      if (signal.aborted) break;
      const answer = judgeQuietly(pod, set);
      judged += 1;
      // What asks nobody costs no registry anything, and is only to let others have their turn.
      if (answer === undefined) {
        await rest();
        continue;
      }
      await within(
        gate.run(() => answer),
        { signal },
        () => undefined,
      );
      await sleep(1_000 / PER_SECOND, undefined, { signal }).catch(() => undefined);
    }
    await within(gate.empty(), { signal }, () => undefined);
    log.info("the evidence of what runs is at hand", {
      judged,
      left: waiting.length - judged,
      milliseconds: Math.round(performance.now() - since),
    });
  };

  const judgeQuietly = (pod: PodRecord, set: PolicySet): Promise<void> | undefined => {
    try {
      const judged = options.judge.judge(podCase(pod, options.namespaces.get(pod.namespace), set));
      // A defect is the audit's to tell of, which judges the same pod.
      return judged instanceof Promise
        ? judged.then(
            () => undefined,
            () => undefined,
          )
        : undefined;
    } catch {
      return undefined;
    }
  };

  return {
    begin: (set) => {
      if (begun) return;
      begun = true;
      const audited = set.audited.filter(asksRegistries);
      if (limit === 0 || audited.length === 0) {
        end();
        return;
      }
      const timer = setTimeout(() => {
        if (!over) log.info("the time for the evidence of what runs is over", { milliseconds: limit });
        end();
      }, limit);
      void run({ ...set, policies: audited, audited })
        .catch((error: unknown) => log.error("the warm-up failed", { error: String(error) }))
        .finally(() => {
          clearTimeout(timer);
          end();
        });
    },
    over: () => over,
    stop: end,
  };
}

/** One pod for each content in each namespace, those first whose like there are most of. */
async function distinct(pods: Iterable<PodRecord>, signal: AbortSignal): Promise<readonly PodRecord[]> {
  const found = new Map<PodContent, Map<string, { readonly pod: PodRecord; count: number }>>();
  await inSlices(
    pods,
    (pod) => {
      if (pod.finished) return;
      const places = found.get(pod.content) ?? new Map<string, { readonly pod: PodRecord; count: number }>();
      found.set(pod.content, places);
      const place = places.get(pod.namespace) ?? { pod, count: 0 };
      places.set(pod.namespace, place);
      place.count += 1;
    },
    () => !signal.aborted,
  );
  return [...found.values()]
    .flatMap((places) => [...places.values()])
    .toSorted((one, other) => other.count - one.count)
    .map(({ pod }) => pod);
}

const SAMPLES = [`registry.example/x:1@sha256:${"0".repeat(64)}`, "registry.example/x:1"]
  .map((text) => parseReference(text))
  .filter((parsed) => parsed.status === "ok");

/** Whether an audit under the policy may have something to ask of a registry. */
const asksRegistries = ({ rules }: CompiledPolicy): boolean =>
  SAMPLES.some((parsed) =>
    rules.some(
      (rule) =>
        rule.needs({
          mode: "audit",
          namespace: "",
          template: false,
          parsed,
          tags: "bare",
          reference: parsed.reference,
        }) !== "nothing",
    ),
  );
