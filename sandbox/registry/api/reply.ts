import type { ServerResponse } from "node:http";

/** Header names are in lower case. */
export type Headers = Readonly<Record<string, string>>;

/**
 * How an answer ends: `end` as HTTP wants it; `hangUp` closes the connection after the body, whatever length was
 * promised; `reset` sends a TCP reset there; `hold` leaves the connection open and silent.
 */
export type Ending = "end" | "hangUp" | "reset" | "hold";

/** An answer as a value: endpoints make it, misbehaviour changes it, `send` puts it on the wire. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** A stream is sent chunked unless `content-length` is set. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly ending?: Ending;
  /** Nothing at all is sent, not even the status: the request just hangs. */
  readonly silent?: boolean;
}

const nothing = new Uint8Array();

export function emptyReply(status: number, headers: Headers = {}): Reply {
  return { status, headers: { "content-length": "0", ...headers }, body: nothing };
}

export function bytesReply(status: number, body: Uint8Array, headers: Headers): Reply {
  return { status, headers: { "content-length": String(body.length), ...headers }, body };
}

export function jsonReply(status: number, value: unknown, headers: Headers = {}): Reply {
  return bytesReply(status, Buffer.from(JSON.stringify(value)), { "content-type": "application/json", ...headers });
}

/** The reply with other bytes; `content-length` follows. */
export function withBody(reply: Reply, body: Uint8Array): Reply {
  return { ...reply, headers: { ...reply.headers, "content-length": String(body.length) }, body };
}

/** The reply with a header set, or left out where `value` is undefined. */
export function withHeader(reply: Reply, name: string, value: string | undefined): Reply {
  const { [name]: _, ...others } = reply.headers;
  return { ...reply, headers: value === undefined ? others : { ...others, [name]: value } };
}

/** Sends the reply; resolves when it is sent, or when the client has gone away. `head` leaves the body out. */
export async function send(response: ServerResponse, reply: Reply, head: boolean): Promise<void> {
  if (reply.silent === true) return;
  // Header values may come from a test that wants them odd; Node refuses those that would break HTTP itself.
  response.writeHead(reply.status, reply.headers);
  if (!head) await sendBody(response, reply.body);
  finish(response, head ? "end" : (reply.ending ?? "end"));
}

async function sendBody(response: ServerResponse, body: Reply["body"]): Promise<void> {
  if (body instanceof Uint8Array) {
    if (body.length > 0) await write(response, body);
    return;
  }
  for await (const chunk of body) {
    if (response.destroyed) return;
    await write(response, chunk);
  }
}

/** Waits while the client is slow to read, so that an endless body costs no memory here. */
async function write(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (response.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

function finish(response: ServerResponse, ending: Ending): void {
  switch (ending) {
    case "end":
      response.end();
      return;
    case "hangUp":
      response.socket?.end();
      return;
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "hold":
      response.flushHeaders();
      return;
  }
}
