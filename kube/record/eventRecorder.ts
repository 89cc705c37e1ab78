import { createHash } from "node:crypto";
import { expectStatus, MERGE_PATCH } from "../expectStatus.ts";
import type { KubeClient } from "../kubeClient.ts";
import { KubeError } from "../kubeError.ts";
import { fieldsOf } from "../../json/fields.ts";
import { WRITE_TIMEOUT } from "../leaderElection/leadership.ts";
import type { Log } from "../log.ts";
import { timestamp } from "../timestamp.ts";
import { WorkQueue } from "../workQueue/workQueue.ts";

/** What an Event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for what has no namespace; its Events are in `default`. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventNote<Reason extends string = string> {
  readonly involved: ObjectReference;
  readonly type: "Normal" | "Warning";
  /** One word, such as `FailedScheduling`. */
  readonly reason: Reason;
  readonly message: string;
}

export interface EventRecorder<Reason extends string = string> {
  /** Told and forgotten: an Event that cannot be written is dropped after a while, and never holds anything up. */
  readonly record: (note: EventNote<Reason>, times?: number) => void;
  readonly settled: () => Promise<void>;
  /** Writes what waits, for a few seconds at most, and ends. */
  readonly close: () => Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** What the Events come from, as kubectl shows it. */
  readonly component: string;
  /** The name of this process among others, such as its Pod's. */
  readonly instance: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  /** Events that may wait to be written; more are dropped, and the log says so once. */
  readonly backlog?: number;
}

/** The API server takes 1,024 characters. */
const LONGEST_MESSAGE = 1_000;
/** What changes at once in a large cluster is more than anyone reads, and must not fill etcd. */
const BACKLOG = 2_000;
const ATTEMPTS = 4;
/** Written at one time: with a write of 3 ms a full backlog takes 2 s, and has an end. */
const CONCURRENCY = 4;
/** Milliseconds for what waits at an orderly end; a container has 30 s in all. */
const FLUSH_MS = 3_000;

/** A note that waits to be written. */
interface Entry {
  readonly note: EventNote;
  count: number;
  attempts: number;
  /** What was sent and never answered: whether it was written is not known. */
  unsure?: { readonly count: number; readonly time: string } | undefined;
}

/**
 * Events (core/v1), aggregated: the same object, reason and message is one Event whose `count` grows, as kubectl shows it (`x3 over 5m`).
 * Whoever has lost the lead may write them as well: they tell of what this process did while it had it, and nobody else will.
 */
export function createEventRecorder<Reason extends string = string>(
  options: EventRecorderOptions,
): EventRecorder<Reason> {
  const { client, now, log, backlog = BACKLOG } = options;
  const notes = new Map<string, Entry>();
  let overflowed = false;
  let closing = false;

  const write = async (key: string, signal: AbortSignal): Promise<void> => {
    const entry = notes.get(key);
    if (entry === undefined) return;
    const { note } = entry;
    const namespace = note.involved.namespace === "" ? "default" : note.involved.namespace;
    const collection = `/api/v1/namespaces/${namespace}/events`;
    const { count, time } = entry.unsure ?? { count: entry.count, time: timestamp(now()) };
    entry.attempts += 1;
    try {
      const made = await expectStatus(client, [201, 409], "POST", collection, {
        body: eventBody(note, namespace, count, time, options),
        signal,
        timeout: WRITE_TIMEOUT,
      });
      if (made.status === 409)
        await again(`${collection}/${eventName(note)}`, { count, time, unsure: entry.unsure !== undefined }, signal);
      entry.unsure = undefined;
      entry.count -= count;
      if (entry.count <= 0) notes.delete(key);
    } catch (error) {
      if (error instanceof KubeError && error.refusal !== undefined) {
        notes.delete(key);
        // Nobody misses the Events of a namespace that goes away.
        const level = error.refusal === "namespaceGone" ? "debug" : "warn";
        log[level]("an Event is refused", { object: note.involved.name, reason: note.reason, error: error.message });
        return;
      }
      entry.unsure = { count, time };
      // The namespace may be going away: nobody misses the Event then.
      if (entry.attempts < ATTEMPTS || signal.aborted) throw error;
      notes.delete(key);
      log.warn("an Event could not be written", {
        object: note.involved.name,
        reason: note.reason,
        error: String(error),
      });
    }
  };

  const again = async (
    path: string,
    { count, time, unsure }: { readonly count: number; readonly time: string; readonly unsure: boolean },
    signal: AbortSignal,
  ): Promise<void> => {
    const known = fieldsOf((await expectStatus(client, [200], "GET", path, { signal, timeout: WRITE_TIMEOUT })).body);
    // Counted before: one that is counted once too seldom, where this process told the same in the same second, is better than twice.
    if (unsure && known["lastTimestamp"] === time && known["reportingInstance"] === options.instance) return;
    const before = known["count"];
    await expectStatus(client, [200], "PATCH", path, {
      body: {
        count: (typeof before === "number" ? before : 0) + count,
        lastTimestamp: time,
        reportingInstance: options.instance,
      },
      contentType: MERGE_PATCH,
      signal,
      timeout: WRITE_TIMEOUT,
    });
  };

  const queue = new WorkQueue({ name: "writing an Event", concurrency: CONCURRENCY, process: write, log });
  return {
    record: (note, times = 1) => {
      if (closing) return;
      const key = eventName(note);
      const known = notes.get(key);
      if (known !== undefined) known.count += times;
      else if (notes.size >= backlog) {
        if (!overflowed) log.warn("there are more Events than can be written; some are left out");
        overflowed = true;
        return;
      } else notes.set(key, { note, count: times, attempts: 0 });
      queue.add(key);
    },
    settled: () => queue.settled(),
    close: async () => {
      closing = true;
      await queue.close({ patience: FLUSH_MS, waiting: "done" });
      if (notes.size > 0) log.warn("Events were not written before the end", { count: notes.size });
      notes.clear();
    },
  };
}

/** The same for the same object, reason and message, so that the API server itself keeps them together. */
function eventName({ involved, reason, message }: EventNote): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([involved.kind, involved.uid, reason, message]))
    .digest("hex");
  return `${involved.name.slice(0, 200).replace(/[-.]+$/, "")}.${hash.slice(0, 16)}`;
}

function eventBody(
  note: EventNote,
  namespace: string,
  count: number,
  time: string,
  { component, instance }: EventRecorderOptions,
): object {
  const { involved, type, reason, message } = note;
  const { namespace: of, ...rest } = involved;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace, name: eventName(note) },
    involvedObject: of === "" ? rest : { ...rest, namespace: of },
    type,
    reason,
    message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}...` : message,
    source: { component },
    reportingComponent: component,
    reportingInstance: instance,
    firstTimestamp: time,
    lastTimestamp: time,
    count,
  };
}
