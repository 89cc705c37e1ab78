import { createTurns } from "../../async/turns.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import { encodeResponse, type AdmissionResponse } from "../review/admissionResponse.ts";
import { parseReview } from "../review/admissionReview.ts";
import { timeFor, type Deadlines } from "./deadline.ts";
import type { Log } from "../../kube/log.ts";
import { NotReadyError } from "../review/notReady.ts";
import type { BodyBudget } from "./bodyBudget.ts";
import { readBody } from "./readBody.ts";
import { RETRY, send } from "./reply.ts";
import type { Handler } from "../review/handler.ts";
import { chain } from "../../async/maybe.ts";
import { AT_ONCE, refusalOf } from "./largeReview.ts";
import type { TurnedAway } from "../metrics.ts";
import type { Shares } from "./shares.ts";

export interface EndpointOptions {
  readonly deadlines: Deadlines;
  /** Milliseconds that a review may take. */
  readonly deadline: number;
  readonly budget: BodyBudget;
  readonly logger: Log;
  /** Reviews that may be in hand at one time, those of the other endpoints among them. */
  readonly slots: Slots;
  /** What of it may be about one namespace. */
  readonly shares: Shares;
  /** What of it may come from one address. */
  readonly peers: Shares;
  readonly onTurnedAway: (why: TurnedAway) => void;
  /** Whether the server is going: what is answered now is the last on its connection. */
  readonly closing: () => boolean;
}

/** What a review in hand takes of the shares. */
interface Held {
  readonly namespace: string;
  readonly from: string;
  readonly bytes: number;
}

/** A bound on what is done at one time. */
export interface Slots {
  readonly free: () => boolean;
  readonly take: () => void;
  readonly give: () => void;
  readonly taken: () => number;
}

/** So many slots. */
export const createSlots = (limit: number): Slots => {
  let taken = 0;
  return {
    free: () => taken < limit,
    take: () => {
      taken += 1;
    },
    give: () => {
      taken -= 1;
    },
    taken: () => taken,
  };
};

/**
 * One admission endpoint over HTTP. What is no AdmissionReview is answered by a 4xx, what could not be judged by a 5xx:
 * both leave the verdict to `failurePolicy`, which is Fail. Only `handle` says that a request is allowed.
 */
export const createEndpoint = (options: EndpointOptions, handle: Handler) => {
  const { deadlines, deadline, budget, logger, slots, shares, peers, onTurnedAway, closing } = options;
  const turns = createTurns();

  const fail = (response: ServerResponse, error: unknown): void => {
    if (response.destroyed) return;
    if (error instanceof NotReadyError) {
      send(response, 503, error.message, RETRY);
      return;
    }
    logger.error("a review failed", { error: error instanceof Error ? error.stack : String(error) });
    send(response, 500, "the review failed; the operator's log says why");
  };

  /** Finishes a review that has to wait for something: only those are in hand together with others. */
  const wait = async (
    answer: Promise<AdmissionResponse>,
    response: ServerResponse,
    { namespace, from, bytes }: Held,
  ): Promise<void> => {
    slots.take();
    shares.take(namespace, bytes);
    peers.take(from, bytes);
    try {
      sendJson(response, await answer, closing());
    } catch (error) {
      fail(response, error);
    } finally {
      slots.give();
      shares.give(namespace, bytes);
      peers.give(from, bytes);
      budget.give(bytes);
    }
  };

  const turnAway = (response: ServerResponse, why: TurnedAway, text: string, closes = false): void => {
    onTurnedAway(why);
    send(response, 503, text, closes ? { ...RETRY, connection: "close" } : RETRY);
  };

  /** Answers a body; whether its bytes are still needed. */
  const review = (
    text: string,
    bytes: number,
    response: ServerResponse,
    { signal, traceparent }: { readonly signal: AbortSignal; readonly traceparent: string | undefined },
  ): boolean => {
    if (!slots.free()) {
      turnAway(response, "reviews", "too many reviews at one time");
      return false;
    }
    const parsed = parseReview(text);
    if (parsed.status === "malformed") {
      send(response, 400, parsed.message);
      return false;
    }
    const { namespace } = parsed.request;
    if (!shares.free(namespace, bytes)) {
      turnAway(response, "namespace", "too many reviews of one namespace at one time");
      return false;
    }
    const from = response.socket?.remoteAddress ?? "";
    if (!peers.free(from, bytes)) {
      turnAway(response, "address", "too many reviews from one address at one time");
      return false;
    }
    const answer = handle(parsed.request, signal, traceparent);
    if (answer instanceof Promise) {
      void wait(answer, response, { namespace, from, bytes });
      return true;
    }
    sendJson(response, answer, closing());
    return false;
  };

  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== "POST") {
      send(response, 405, "an AdmissionReview is posted", { allow: "POST" });
      return;
    }
    if (!isJson(request.headers["content-type"]) || isEncoded(request.headers["content-encoding"])) {
      send(response, 415, "an AdmissionReview is plain application/json");
      return;
    }
    const signal = deadlines.after(timeFor(request.url ?? "", deadline));

    readBody(request, budget, (body) => {
      switch (body.status) {
        case "aborted":
          return;
        case "tooLarge":
          // What is still to come is not read: the connection has no further use.
          send(response, 413, "the body is larger than 7 MiB", { connection: "close" });
          return;
        case "overloaded":
          turnAway(response, "bytes", "too many reviews at one time", true);
          return;
        case "slow":
          onTurnedAway("slow");
          send(response, 408, "the body comes too slowly, or in too small pieces", { connection: "close" });
          return;
        case "ok": {
          const { whole } = body;
          // A large one in a turn of its own: several that come together would hold all others for as long as all of them. Scanning throws nothing.
          void chain(whole.length <= AT_ONCE ? undefined : turns.queue(refusalOf(whole)), (refusal) => {
            let held = false;
            try {
              const asked = { signal, traceparent: traceparentOf(request) };
              // Where the sender went away while it waited, nothing is parsed for nobody.
              if (refusal === undefined)
                held = !response.destroyed && review(whole.toString("utf8"), whole.length, response, asked);
              else if (refusal.status === "answered") sendJson(response, refusal.response, closing());
              else send(response, 413, refusal.message);
            } catch (error) {
              fail(response, error);
            }
            if (!held) budget.give(whole.length);
          });
        }
      }
    });
  };
};

/** Encoded before anything is sent: what cannot be encoded becomes a 500. `last`: the connection closes after it. */
const sendJson = (response: ServerResponse, answer: AdmissionResponse, last: boolean): void => {
  const text = encodeResponse(answer);
  if (response.destroyed) return;
  if (last) response.setHeader("connection", "close");
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
};

/** One header has one value; of several none counts. */
const traceparentOf = ({ headers }: IncomingMessage): string | undefined => {
  const value = headers["traceparent"];
  return typeof value === "string" ? value : undefined;
};

const isJson = (type: string | undefined): boolean =>
  type === "application/json" || /^application\/json\s*(?:;|$)/i.test(type ?? "");

const isEncoded = (encoding: string | undefined): boolean => encoding !== undefined && encoding !== "identity";
