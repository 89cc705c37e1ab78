import type { IncomingMessage } from "node:http";

/**
 * Bytes of the largest review that is taken: object and old object of 3 MiB each, as etcd's request limit and the API
 * server's own (`MaxRequestBodyBytes`) let them be, and what stands around them.
 */
const LARGEST_BODY: number = 7 * 1024 * 1024;

export type Body =
  | { readonly status: "ok"; readonly text: string; readonly bytes: number }
  | { readonly status: "tooLarge" }
  /** All the bodies that are held right now leave no room for this one. */
  | { readonly status: "overloaded" }
  /** The sender went away. */
  | { readonly status: "aborted" };

/** Counts the bytes of bodies that are held at one time, so that many large ones cannot exhaust the memory. */
export interface ByteBudget {
  /** Takes more bytes, or says no. */
  readonly take: (bytes: number) => boolean;
  readonly give: (bytes: number) => void;
}

/** A budget of so many bytes. */
export const createByteBudget = (limit: number): ByteBudget => {
  let held = 0;
  return {
    take: (bytes) => {
      if (held + bytes > limit) return false;
      held += bytes;
      return true;
    },
    give: (bytes) => {
      held -= bytes;
    },
  };
};

/**
 * Reads a request's body and calls `done` once. The bytes of an `ok` body stay taken from the budget until the caller
 * gives them back; those of every other end are given back here. A callback instead of a promise: this is the hot path.
 */
export const readBody = (request: IncomingMessage, budget: ByteBudget, done: (body: Body) => void): void => {
  if (Number(request.headers["content-length"]) > LARGEST_BODY) {
    done({ status: "tooLarge" });
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  let ended = false;
  const end = (body: Body): void => {
    if (ended) return;
    ended = true;
    if (body.status !== "ok") budget.give(bytes);
    done(body);
  };
  request.on("data", (chunk: Buffer) => {
    if (ended) return;
    if (bytes + chunk.length > LARGEST_BODY) {
      end({ status: "tooLarge" });
    } else if (!budget.take(chunk.length)) {
      end({ status: "overloaded" });
    } else {
      bytes += chunk.length;
      chunks.push(chunk);
    }
  });
  request.on("end", () => {
    const [only] = chunks;
    const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
    end({ status: "ok", text: whole.toString("utf8"), bytes });
  });
  request.on("close", () => end({ status: "aborted" }));
};
