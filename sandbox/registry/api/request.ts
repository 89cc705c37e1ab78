import type { IncomingMessage } from "node:http";

/** A request as the endpoints see it: parsed, its body read whole. */
export interface RegistryRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  /** What this request may see and change. */
  readonly access: Access;
}

/** What the caller may do; without authentication: everything. */
export interface Access {
  readonly canPull: (repository: string) => boolean;
  readonly canPush: (repository: string) => boolean;
}

export const fullAccess: Access = { canPull: () => true, canPush: () => true };

/** The whole body; undefined where it is longer than `limit` bytes: it is read to its end, but not kept. Rejects when the client goes away. */
export async function readBody(message: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    // An HTTP message without an encoding yields Buffers.
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length <= limit) chunks.push(bytes);
    else chunks = [];
  }
  return length <= limit ? Buffer.concat(chunks, length) : undefined;
}

/** The first value of each header. */
export function headersOf(message: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}
