import { createBackoff } from "../../async/backoff.ts";
import { pause } from "../../async/signals.ts";
import type { Log } from "../../kube/log.ts";
import type { Denial } from "../../webhook/review/denial.ts";
import { cloudEvent } from "./cloudEvent.ts";
import { DenialQueue, type DenialQueueBounds } from "./denialQueue.ts";
import type { Post } from "./post.ts";

/** What became of denials, for metrics. */
export interface SinkCounts {
  readonly sent: number;
  /** By a collector that will not take them. */
  readonly refused: number;
  /** There was no room, or no time at the end. */
  readonly dropped: number;
  readonly waiting: number;
}

export interface DenialSink {
  /** Told and forgotten: nothing that a collector does holds a review up. Dry runs have no side effects, this one neither. */
  readonly push: (denial: Denial) => void;
  readonly counts: () => SinkCounts;
  /** Sends what waits, for a few seconds at most. */
  readonly close: () => Promise<void>;
}

export interface DenialSinkOptions {
  readonly post: Post;
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  readonly bounds?: DenialQueueBounds;
  readonly timing?: Partial<SinkTiming>;
}

/** Milliseconds. */
export interface SinkTiming {
  /** In which denials are gathered into a batch. */
  readonly gather: number;
  readonly backoffBase: number;
  readonly backoffLimit: number;
  /** For what waits at the end. */
  readonly flush: number;
}

const BOUNDS: DenialQueueBounds = { events: 10_000, characters: 8 * 1024 * 1024 };
const TIMING: SinkTiming = { gather: 500, backoffBase: 500, backoffLimit: 30_000, flush: 4_000 };

/** Sends denials to a collector: a bounded queue, batches, each tried again until it is taken or refused. */
export function createDenialSink({ post, source, now, log, bounds = BOUNDS, timing }: DenialSinkOptions): DenialSink {
  const { gather, backoffBase, backoffLimit, flush } = { ...TIMING, ...timing };
  const queue = new DenialQueue(bounds);
  const counts = { sent: 0, refused: 0, dropped: 0 };
  const closing = new AbortController();
  const end = new AbortController();
  let inHand = 0;
  let running: Promise<void> | undefined;
  let full = false;
  let failing: string | undefined;

  const deliver = async (events: number, body: string): Promise<void> => {
    const backoff = createBackoff({ base: backoffBase, limit: backoffLimit });
    while (!end.signal.aborted) {
      const result = await post.send(body, end.signal);
      if (end.signal.aborted && result.status === "failed") break;
      if (result.status === "accepted") {
        counts.sent += events;
        if (failing !== undefined) log.info("the collector of denials takes them again", {});
        failing = undefined;
        return;
      }
      if (failing !== result.why) log.warn("denials cannot be sent", { why: result.why, status: result.status });
      failing = result.why;
      if (result.status === "refused") {
        counts.refused += events;
        return;
      }
      const rest = Math.max(backoff.next(), result.after ?? 0);
      // At the end there is no time for long pauses.
      if (closing.signal.aborted) await pause(Math.min(rest, backoffBase), end.signal);
      else await pause(rest, closing.signal, { ref: false });
    }
    counts.dropped += events;
  };

  const run = async (): Promise<void> => {
    while (queue.size > 0) {
      await pause(gather, closing.signal, { ref: false });
      const batch = queue.take();
      full = false;
      inHand = batch.length;
      await deliver(batch.length, `[${batch.map(({ text }) => text).join(",")}]`);
      inHand = 0;
    }
    running = undefined;
  };

  return {
    push: (denial) => {
      if (denial.dryRun || closing.signal.aborted) return;
      if (!queue.add({ namespace: denial.namespace, text: cloudEvent(denial, source, now()) })) {
        counts.dropped += 1;
        if (!full) log.warn("denials come faster than their collector takes them; some are left out", { ...counts });
        full = true;
        return;
      }
      running ??= run();
    },
    counts: () => ({ ...counts, waiting: queue.size + inHand }),
    close: async () => {
      closing.abort(new Error("the operator ends"));
      const timer = setTimeout(() => end.abort(new Error("there is no more time")), flush);
      await running;
      clearTimeout(timer);
      await post.close();
      if (counts.dropped + counts.refused > 0) log.warn("not all denials were sent", { ...counts });
    },
  };
}
