import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Misbehaviour } from "./rules.ts";
import { withBody, withHeader, type Reply } from "../api/reply.ts";

/** Not on the event loop, which the client under test may share. */
const compress = promisify(gzip);

/** Never answers. The connection stays open until the client or the registry closes it. */
export function stall(): Misbehaviour {
  return async (_, answer) => ({ ...(await answer()), silent: true });
}

/** Sends the headers and the first `bytes` of the body, then nothing more. */
export function stallAfter(bytes: number): Misbehaviour {
  return cut(bytes, "hold");
}

/** Promises the whole body, sends the first `bytes`, and closes the connection. */
export function truncateAfter(bytes: number): Misbehaviour {
  return cut(bytes, "hangUp");
}

/** Sends the first `bytes` of the body, and resets the connection (ECONNRESET). */
export function resetAfter(bytes: number): Misbehaviour {
  return cut(bytes, "reset");
}

/** The right answer, after this time. */
export function late(milliseconds: number): Misbehaviour {
  return async (_, answer) => {
    await pause(milliseconds);
    return answer();
  };
}

/** The right body, this many bytes at a time, with a pause before each. */
export function drip(everyMilliseconds: number, bytesAtOnce = 1): Misbehaviour {
  return async (_, answer) => {
    const reply = await answer();
    const body = bytesOf(reply);
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let from = 0; from < body.length; from += bytesAtOnce) {
        await pause(everyMilliseconds);
        yield body.subarray(from, from + bytesAtOnce);
      }
    }
    return { ...reply, body: slowly() };
  };
}

/** The right body, and spaces after it without end: JSON stays JSON. No length is promised. */
export function endless(): Misbehaviour {
  return async (_, answer) => {
    const reply = await answer();
    const spaces = Buffer.alloc(64 * 1024, " ");
    async function* forever(): AsyncGenerator<Uint8Array> {
      yield bytesOf(reply);
      // The pause between pieces lets everything else in this process run.
      for (;;) {
        yield spaces;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return { ...withHeader(reply, "content-length", undefined), body: forever() };
  };
}

/** The right body and spaces up to `bytes` in all, sent with `Content-Encoding: gzip`: about a thousandth on the wire. */
export function gzipBomb(bytes: number): Misbehaviour {
  return async (_, answer) => {
    const reply = await answer();
    const body = bytesOf(reply);
    const filler = Buffer.alloc(Math.max(bytes - body.length, 0), " ");
    const zipped = await compress(Buffer.concat([body, filler]));
    return withHeader(withBody(reply, zipped), "content-encoding", "gzip");
  };
}

function cut(bytes: number, ending: "hold" | "hangUp" | "reset"): Misbehaviour {
  return async (_, answer) => {
    const reply = await answer();
    return { ...reply, body: bytesOf(reply).subarray(0, bytes), ending };
  };
}

function bytesOf({ body }: Reply): Uint8Array {
  if (body instanceof Uint8Array) return body;
  throw new Error("this misbehaviour cannot follow one that streams");
}

/** The timer keeps no process alive. */
async function pause(milliseconds: number): Promise<void> {
  await sleep(milliseconds, undefined, { ref: false });
}
