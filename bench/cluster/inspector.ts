import { once } from "node:events";

/** What a Node process holds, in bytes, after its garbage was collected. */
export interface Held {
  readonly heap: number;
  /** Outside V8's heap: buffers. */
  readonly external: number;
  readonly rss: number;
}

/** A Node process that was started with `--inspect=HOST:PORT`. */
export interface Inspector {
  /** Collects its garbage and says what is left. */
  readonly held: () => Promise<Held>;
  readonly close: () => void;
}

/** Connects by the DevTools protocol. */
export const inspect = async (port: number): Promise<Inspector> => {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  // One process has one target.
  const [{ webSocketDebuggerUrl }] = targets as [{ readonly webSocketDebuggerUrl: string }];
  const socket = new WebSocket(webSocketDebuggerUrl);
  await once(socket, "open");
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    // The protocol's answers have the id of their question.
    const { id, result } = JSON.parse(String(data)) as { readonly id: number; readonly result: unknown };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let last = 0;
  const ask = (method: string, params: object = {}): Promise<unknown> => {
    last += 1;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    waiting.set(last, resolve);
    socket.send(JSON.stringify({ id: last, method, params }));
    return promise;
  };
  return {
    held: async () => {
      // Twice: what finalizers let go in the first is collected in the second.
      await ask("HeapProfiler.collectGarbage");
      await ask("HeapProfiler.collectGarbage");
      const answer = await ask("Runtime.evaluate", { expression: "process.memoryUsage()", returnByValue: true });
      // What Node's process.memoryUsage gives.
      const { value } = (answer as { readonly result: { readonly value: NodeJS.MemoryUsage } }).result;
      return { heap: value.heapUsed, external: value.external, rss: value.rss };
    },
    close: () => socket.close(),
  };
};
