import type { KubeClient } from "../kubeClient.ts";
import { statusError } from "../kubeError.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import { jsonLines } from "./jsonLines.ts";

export interface WatchRequest {
  readonly client: KubeClient;
  /** Collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Where the list or the last event left off. */
  readonly version: string;
  /** Seconds that the API server is asked to keep the watch. */
  readonly seconds: number;
  /** Milliseconds without an event or bookmark after which it is given up. */
  readonly stall: number;
  /** The connection stands: the API server has answered. */
  readonly onOpen: () => void;
  /** An event of any type, bookmarks among them. */
  readonly onEvent: (type: string, object: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * `ended`: by the API server, in order. `stalled`: nothing came for too long. `expired`: it has forgotten what happened since (410), and
 * only a list helps.
 */
export type WatchEnd = "ended" | "stalled" | "expired";

/** One watch, from its opening to its end. Rejects with KubeError for a connection that breaks and for what is no event. */
export async function watchOnce(request: WatchRequest): Promise<WatchEnd> {
  const { client, path, fieldSelector, labelSelector, version, seconds, stall, onOpen, onEvent, signal } = request;
  const over = new AbortController();
  let stalled = false;
  const timer = setTimeout(() => {
    stalled = true;
    over.abort(new Error("nothing came"));
  }, stall);
  try {
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(seconds),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
    const stream = await client.open(path, query, AbortSignal.any([signal, over.signal]));
    if (stream.status !== 200) {
      const error = statusError("watch", path, { status: stream.status, body: await firstLine(stream.body) });
      if (stream.status === 410) return "expired";
      throw error;
    }
    onOpen();
    for await (const line of jsonLines(stream.body)) {
      timer.refresh();
      const event = fieldsOf(line);
      const type = textOf(event["type"]);
      if (type !== "ERROR") {
        onEvent(type, event["object"]);
        continue;
      }
      const status = fieldsOf(event["object"]);
      const code = typeof status["code"] === "number" ? status["code"] : 500;
      if (code === 410) return "expired";
      throw statusError("watch", path, { status: code, body: status });
    }
    return "ended";
  } catch (error) {
    if (stalled && !signal.aborted) return "stalled";
    throw error;
  } finally {
    clearTimeout(timer);
    // Closes the connection of a watch that was left in the middle.
    over.abort(new Error("the watch is over"));
  }
}

async function firstLine(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  try {
    for await (const line of jsonLines(body)) return line;
  } catch {
    // An error page; the status says enough.
  }
  return undefined;
}
