import { listen, type TlsFiles } from "../listener.ts";
import { emptyReply, send, type Reply } from "../api/reply.ts";
import { headersOf } from "../api/request.ts";
import type { LoggedRequest } from "../requestLog.ts";

/** A server that is not the registry: what comes here, and with which headers, is what a client let go. */
export interface Recorder {
  readonly url: string;
  readonly host: string;
  readonly requests: readonly Omit<LoggedRequest, "server">[];
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Starts one on any free port of 127.0.0.1. It answers 404, or what `answer` says. */
export async function startRecorder(
  answer: (target: string) => Reply = () => emptyReply(404),
  tls?: TlsFiles,
): Promise<Recorder> {
  const requests: Omit<LoggedRequest, "server">[] = [];
  const { url, host, close } = await listen(
    (message, response) => {
      const { method = "GET", url: target = "/" } = message;
      requests.push({ method, target, headers: headersOf(message) });
      message.resume();
      void send(response, answer(target), method === "HEAD").catch(() => response.destroy());
    },
    "127.0.0.1",
    0,
    tls,
  );
  return { url, host, requests, close, [Symbol.asyncDispose]: close };
}
