import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that is free now; `preferred` where that one is. Another process may take it before its user does. */
export const freePort = async (preferred = 0): Promise<number> =>
  (await tryPort(preferred)) ?? (await tryPort(0)) ?? Promise.reject(new Error("no free port on 127.0.0.1"));

const tryPort = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
