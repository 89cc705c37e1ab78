import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A way to a server on which everything takes longer. */
export interface SlowPath {
  readonly url: string;
  /** Milliseconds that each piece takes longer from now on, in each direction. */
  readonly delayBy: (milliseconds: number) => void;
  readonly close: () => void;
}

/** Between a client and the server of this `http` URL; delays nothing at first. Connections that are open feel a new delay as well. */
export const startSlowPath = async (target: string): Promise<SlowPath> => {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let delay = 0;

  /** In order: a piece that comes when the delay is shorter does not overtake the one before it. */
  const carry = (from: Socket, to: Socket): void => {
    let before = Promise.resolve();
    const then = (work: () => void): void => {
      const due = performance.now() + delay;
      before = before.then(() => sleep(Math.max(0, due - performance.now()), undefined, { ref: false })).then(work);
    };
    sockets.add(from);
    from.on("error", () => undefined);
    from.on("data", (piece) => then(() => void to.write(piece)));
    from.on("end", () => then(() => void to.end()));
    from.on("close", () => {
      sockets.delete(from);
      then(() => void to.destroy());
    });
  };
  const server = createServer((from) => {
    const to = connect(Number(port), hostname);
    carry(from, to);
    carry(to, from);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delayBy: (milliseconds) => void (delay = milliseconds),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
};
