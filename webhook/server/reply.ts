import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/**
 * Makes the API server's client try again within the webhook's timeout (client-go retries a 429 or 5xx that carries
 * `Retry-After`), instead of failing the user's request for a moment of overload or start.
 */
export const RETRY: OutgoingHttpHeaders = { "retry-after": "1" };

/** A plain answer of one line. */
export const send = (response: ServerResponse, code: number, text: string, headers?: OutgoingHttpHeaders): void => {
  const line = `${text}\n`;
  response.writeHead(code, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(line),
    ...headers,
  });
  response.end(line);
};
