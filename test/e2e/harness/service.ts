import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";

/** What the kubelet does with the readiness probe of `config/manager/deployment.yaml`; seconds. */
interface ReadinessProbe {
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

const DEPLOYMENT = new URL("../../../config/manager/deployment.yaml", import.meta.url);

// The manifest is ours, and a test of its own holds it against the API server.
const PROBE = (
  parse(readFileSync(DEPLOYMENT, "utf8")) as {
    spec: { template: { spec: { containers: readonly [{ readinessProbe: ReadinessProbe }] } } };
  }
).spec.template.spec.containers[0].readinessProbe;

/** Milliseconds from what a kubelet or an API client says to what every node does: status, EndpointSlice, kube-proxy. */
const PROPAGATION = 1_000;
/** Milliseconds until a kubelet notices that a container's process is gone (its PLEG lists containers every second). */
const NOTICE = 1_000;

/** A Pod behind the Service. */
export interface Endpoint {
  readonly port: number;
  /** Whether new connections may go to it. */
  readonly inService: () => boolean;
  /** Connections to it that are open. */
  readonly open: () => number;
  /** Of its connections, those by which the API server sent something since the last `mark`. */
  readonly asked: () => number;
  /** Connections that it refused since the last `mark`. */
  readonly refused: () => number;
  readonly mark: () => void;
  /** The Pod was deleted: it leaves, whatever its probe says. */
  readonly deleted: () => void;
  /** Its process has ended. */
  readonly died: () => void;
}

/**
 * What stands between an API server and the operators: a webhook configuration by URL names one address, so this is a Service in its place.
 *
 * As kube-proxy does: each *connection* goes to an endpoint by chance; none is ever moved or ended when its endpoint leaves, nor tried
 * elsewhere when it is refused. As a kubelet does: an endpoint is in service while the readiness probe of our Deployment says so, leaves at
 * once when its Pod is deleted, and a second after its process has ended. What anybody says takes another second to get about. Not modelled:
 * nodes that fail, a control plane that is slow to tell, sessionAffinity.
 */
export interface Service {
  readonly url: string;
  readonly add: (port: number) => Endpoint;
  readonly endpoints: () => readonly Endpoint[];
  readonly close: () => Promise<void>;
}

interface State {
  readonly port: number;
  ready: boolean;
  gone: boolean;
  failures: number;
  readonly sockets: Set<Socket>;
  asked: Set<Socket>;
  refused: number;
}

export const startService = async (): Promise<Service> => {
  const stop = new AbortController();
  const states: State[] = [];
  const endpoints: Endpoint[] = [];

  const forward = (from: Socket): void => {
    from.on("error", () => undefined);
    const ready = states.filter((state) => state.ready && !state.gone);
    const state = ready[Math.floor(Math.random() * ready.length)];
    if (state === undefined) {
      from.destroy();
      return;
    }
    const to = connect(state.port, "127.0.0.1");
    state.sockets.add(to);
    let connected = false;
    to.once("connect", () => (connected = true));
    to.once("error", () => {
      if (!connected) state.refused += 1;
    });
    from.on("data", () => state.asked.add(to));
    to.once("close", () => {
      state.sockets.delete(to);
      from.destroy();
    });
    from.once("close", () => to.destroy());
    from.pipe(to).pipe(from);
  };
  const server: Server = createServer(forward);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const later = (milliseconds: number, change: () => void): void =>
    void sleep(milliseconds, undefined, { ref: false, signal: stop.signal }).then(change, () => undefined);

  const watch = async (state: State): Promise<void> => {
    while (!stop.signal.aborted && !state.gone) {
      const healthy = await probe(state.port);
      state.failures = healthy ? 0 : state.failures + 1;
      if (healthy && !state.ready) later(PROPAGATION, () => (state.ready = true));
      if (state.failures === PROBE.failureThreshold) later(PROPAGATION, () => (state.ready = false));
      await sleep(PROBE.periodSeconds * 1_000, undefined, { ref: false });
    }
  };

  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    endpoints: () => endpoints,
    add: (port) => {
      const state: State = {
        port,
        ready: false,
        gone: false,
        failures: 0,
        sockets: new Set(),
        asked: new Set(),
        refused: 0,
      };
      states.push(state);
      void watch(state);
      const endpoint: Endpoint = {
        port,
        inService: () => state.ready && !state.gone,
        open: () => state.sockets.size,
        asked: () => state.asked.size,
        refused: () => state.refused,
        mark: () => {
          state.asked = new Set();
          state.refused = 0;
        },
        deleted: () => later(PROPAGATION, () => (state.gone = true)),
        died: () => later(NOTICE + PROPAGATION, () => (state.gone = true)),
      };
      endpoints.push(endpoint);
      return endpoint;
    },
    close: async () => {
      stop.abort();
      for (const { sockets } of states) for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
};

const probe = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path: "/readyz", rejectUnauthorized: false, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asked.setTimeout(PROBE.timeoutSeconds * 1_000, () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.once("close", () => resolve(false));
    asked.end();
  });
