import type { IncomingMessage } from "node:http";
import { Pieces } from "../../async/pieces.ts";
import type { BodyBudget, UnfinishedBody } from "./bodyBudget.ts";

/**
 * Bytes of the largest review that is taken: object and old object of 3 MiB each, as etcd's request limit and the API
 * server's own (`MaxRequestBodyBytes`) let them be, and what stands around them.
 */
const LARGEST_BODY: number = 7 * 1024 * 1024;

/** Pieces after which their mean size counts, and bytes that it must have: an API server's are a kilobyte at least, and each takes a microsecond. */
const FEW = 64;
const SMALL = 256;

export type Body =
  | { readonly status: "ok"; readonly whole: Buffer }
  | { readonly status: "tooLarge" }
  /** All the bodies that are held right now leave no room for this one. */
  | { readonly status: "overloaded" }
  /** It came so slowly, or in such small pieces, that its sender only wants the room. */
  | { readonly status: "slow" }
  /** The sender went away. */
  | { readonly status: "aborted" };

/**
 * Reads a request's body and calls `done` once. The bytes of an `ok` body stay taken from the budget until the caller
 * gives them back; those of every other end are given back here. A callback instead of a promise: this is the hot path.
 */
export const readBody = (request: IncomingMessage, budget: BodyBudget, done: (body: Body) => void): void => {
  const announced = Number(request.headers["content-length"]);
  if (announced > LARGEST_BODY) {
    done({ status: "tooLarge" });
    return;
  }
  const chunks = new Pieces();
  let bytes = 0;
  let pieces = 0;
  let ended = false;
  let unfinished: UnfinishedBody | undefined;
  const end = (body: Body): void => {
    if (ended) return;
    ended = true;
    if (body.status !== "ok") chunks.clear();
    if (unfinished === undefined) {
      if (body.status !== "ok") budget.give(bytes);
    } else if (body.status === "ok") budget.finish(unfinished);
    else budget.leave(unfinished);
    done(body);
  };
  request.on("data", (chunk: Buffer) => {
    if (ended) return;
    if (bytes + chunk.length > LARGEST_BODY) {
      end({ status: "tooLarge" });
      return;
    }
    // Most come in one piece, and are never unfinished.
    if (chunk.length !== announced)
      unfinished ??= budget.begin(request.socket.remoteAddress ?? "", (status) => end({ status }), performance.now());
    if (!budget.take(chunk.length, unfinished)) {
      end({ status: "overloaded" });
      return;
    }
    bytes += chunk.length;
    pieces += 1;
    if (pieces > FEW && bytes < SMALL * pieces) end({ status: "slow" });
    else chunks.add(chunk);
  });
  request.on("end", () => {
    if (ended) return;
    const parts = chunks.end();
    const [only] = parts;
    const whole = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, bytes);
    end({ status: "ok", whole });
  });
  request.on("close", () => end({ status: "aborted" }));
};
