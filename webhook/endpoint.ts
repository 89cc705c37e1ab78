import type { IncomingMessage, ServerResponse } from "node:http";
import { encodeResponse, type AdmissionResponse } from "./admissionResponse.ts";
import { parseReview } from "./admissionReview.ts";
import { timeFor, type Deadlines } from "./deadline.ts";
import type { AdmissionLogger } from "./logger.ts";
import { NotReadyError } from "./notReady.ts";
import { readBody, type ByteBudget } from "./readBody.ts";
import { RETRY, send } from "./reply.ts";
import type { Handler } from "./handler.ts";
import type { Shares } from "./shares.ts";

export interface EndpointOptions {
  readonly deadlines: Deadlines;
  /** Milliseconds that a review may take. */
  readonly deadline: number;
  readonly budget: ByteBudget;
  readonly logger: AdmissionLogger;
  /** Reviews that may be in hand at one time, those of the other endpoints among them. */
  readonly slots: Slots;
  /** What of it may be about one namespace. */
  readonly shares: Shares;
  /** Whether the server is going: what is answered now is the last on its connection. */
  readonly closing: () => boolean;
}

/** A bound on what is done at one time. */
export interface Slots {
  readonly take: () => boolean;
  readonly give: () => void;
}

/** So many slots. */
export const createSlots = (limit: number): Slots => {
  let taken = 0;
  return {
    take: () => {
      if (taken >= limit) return false;
      taken += 1;
      return true;
    },
    give: () => {
      taken -= 1;
    },
  };
};

/**
 * One admission endpoint over HTTP. What is no AdmissionReview is answered by a 4xx, what could not be judged by a 5xx:
 * both leave the verdict to `failurePolicy`, which is Fail. Only `handle` says that a request is allowed.
 */
export const createEndpoint =
  ({ deadlines, deadline, budget, logger, slots, shares, closing }: EndpointOptions, handle: Handler) =>
  (request: IncomingMessage, response: ServerResponse): void => {
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
      if (body.status === "aborted") return;
      if (body.status === "tooLarge") {
        // What is still to come is not read: the connection has no further use.
        send(response, 413, "the body is larger than 7 MiB", { connection: "close" });
        return;
      }
      if (body.status === "overloaded" || !slots.take()) {
        if (body.status === "ok") budget.give(body.bytes);
        send(
          response,
          503,
          "too many reviews at one time",
          body.status === "ok" ? RETRY : { ...RETRY, connection: "close" },
        );
        return;
      }
      let open = true;
      let shared: string | undefined;
      const finish = (answer: () => void): void => {
        if (!open) return;
        open = false;
        slots.give();
        budget.give(body.bytes);
        if (shared !== undefined) shares.give(shared, body.bytes);
        if (response.destroyed) return;
        if (closing()) response.setHeader("connection", "close");
        answer();
      };
      const fail = (error: unknown): void =>
        finish(() => {
          if (error instanceof NotReadyError) {
            send(response, 503, error.message, RETRY);
            return;
          }
          logger.error("a review failed", { error: error instanceof Error ? error.stack : String(error) });
          send(response, 500, "the review failed; the operator's log says why");
        });
      const succeed = (answer: AdmissionResponse): void => {
        const text = encodeResponse(answer);
        finish(() => sendJson(response, text));
      };

      try {
        const review = parseReview(body.text);
        if (review.status === "malformed") {
          finish(() => send(response, 400, review.message));
          return;
        }
        const { namespace } = review.request;
        if (!shares.take(namespace, body.bytes)) {
          finish(() => send(response, 503, "too many reviews of one namespace at one time", RETRY));
          return;
        }
        shared = namespace;
        const answer = handle(review.request, signal);
        if (answer instanceof Promise) answer.then(succeed).catch(fail);
        else succeed(answer);
      } catch (error) {
        fail(error);
      }
    });
  };

const sendJson = (response: ServerResponse, text: string): void => {
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
};

const isJson = (type: string | undefined): boolean =>
  type === "application/json" || /^application\/json\s*(?:;|$)/i.test(type ?? "");

const isEncoded = (encoding: string | undefined): boolean => encoding !== undefined && encoding !== "identity";
