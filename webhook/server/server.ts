import { constants } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadlines } from "./deadline.ts";
import { createEndpoint, createSlots, type Slots } from "./endpoint.ts";
import type { Log } from "../../kube/log.ts";
import { BodyBudget } from "./bodyBudget.ts";
import type { Callers } from "../callers/callers.ts";
import type { TurnedAway } from "../metrics.ts";
import { Connections } from "./connections.ts";
import { answerProbe } from "../guard/answerProbe.ts";
import { send } from "./reply.ts";
import type { Handler } from "../review/handler.ts";
import { createShares, OF_NAMESPACE, OF_PEER } from "./shares.ts";

export interface AdmissionServerOptions {
  readonly validate: Handler;
  readonly mutate: Handler;
  /** Whether caches are synced and a first policy set is compiled; `/readyz`. */
  readonly ready: () => boolean;
  /** What `/readyz` says of a replica that is ready; "ok" by default. A webhook that is not asked is ready all the same. */
  readonly readyText?: () => string;
  /** What it says of one that is not ready yet. */
  readonly unreadyText?: () => string;
  readonly logger: Log;
  /** Milliseconds that a review may take; below the configuration's `timeoutSeconds`. */
  readonly deadline: number;
  /** Reviews in hand at one time, 1,000 by default: five API servers at their default of 200 mutating requests. */
  readonly maxReviews?: number;
  /** Bytes of the bodies in hand at one time, 64 MiB by default. */
  readonly maxBytes?: number;
  /** Connections at one time, 2,048 by default: twice what brings the reviews that may be in hand. */
  readonly maxConnections?: number;
  /** Who may post reviews; anybody by default. Probes are free. */
  readonly callers?: Callers;
  /** Told of every review that is not taken for want of room. */
  readonly onTurnedAway?: (why: TurnedAway) => void;
}

/** A certificate chain and its key, PEM. */
export interface ServingPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Milliseconds. Go's transport drops idle connections after 90 s; a server that drops them sooner loses the race with a
 * request now and then, and a POST is not sent twice.
 */
const KEEP_ALIVE = 120_000;

/** Milliseconds for a TLS handshake, for the headers and for a whole request: the API server sends all at once. */
const HANDSHAKE = 10_000;
const HEADERS = 10_000;
const REQUEST = 15_000;

/** Milliseconds between two looks at the speed of bodies. */
const SWEEP = 1_000;

/**
 * No session is resumed: it would stand for a client certificate that was verified another day, by other authorities. API servers keep
 * their connections and never ask for it. Nor may a certificate change within a connection.
 */
const SECURE_OPTIONS: number = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** The admission endpoint: HTTPS with `/validate`, `/mutate`, `/probe`, `/healthz` and `/readyz`. */
export class AdmissionServer {
  readonly #server: Server;
  readonly #deadlines = new Deadlines();
  readonly #deadline: number;
  readonly #callers: Callers | undefined;
  readonly #slots: Slots;
  readonly #sweeper: NodeJS.Timeout;
  #pair: ServingPair | undefined;
  #draining = false;
  #closed: Promise<void> | undefined;

  constructor(options: AdmissionServerOptions) {
    const { logger, deadline, ready, readyText = () => "ok", unreadyText, callers } = options;
    this.#deadline = deadline;
    this.#callers = callers;
    const { maxBytes = 64 * 1024 * 1024, maxReviews = 1_000, maxConnections = 2_048 } = options;
    const budget = new BodyBudget(maxBytes);
    this.#sweeper = setInterval(() => budget.sweep(performance.now()), SWEEP);
    this.#sweeper.unref();
    this.#slots = createSlots(maxReviews);
    const limits = { reviews: maxReviews, bytes: maxBytes };
    const shared = {
      deadlines: this.#deadlines,
      deadline,
      logger,
      budget,
      slots: this.#slots,
      shares: createShares(limits, OF_NAMESPACE),
      peers: createShares(limits, OF_PEER),
      onTurnedAway: options.onTurnedAway ?? (() => undefined),
      closing: () => this.#draining,
    };
    const connections = new Connections(maxConnections);
    const reviews = (handle: Handler): Route => {
      const answer = createEndpoint(shared, handle);
      return (request, response) => {
        // Before the body: whoever is refused must not cost more than the refusal.
        const judged = callers?.judge(request.socket);
        if (judged?.status === "refused") {
          send(response, judged.code, judged.message, { connection: "close" });
          return;
        }
        if (judged?.last === true) response.setHeader("connection", "close");
        connections.used(request.socket);
        answer(request, response);
      };
    };
    const routes: ReadonlyMap<string, Route> = new Map([
      ["/validate", reviews(options.validate)],
      ["/mutate", reviews(options.mutate)],
      ["/probe", reviews(answerProbe)],
      ["/healthz", probe(() => true)],
      [
        "/readyz",
        probe(
          () => !this.#draining && ready(),
          readyText,
          () => (this.#draining ? undefined : unreadyText?.()),
        ),
      ],
    ]);
    this.#server = createServer(
      {
        minVersion: "TLSv1.2",
        handshakeTimeout: HANDSHAKE,
        headersTimeout: HEADERS,
        requestTimeout: REQUEST,
        keepAliveTimeout: KEEP_ALIVE,
        connectionsCheckingInterval: 5_000,
        requestCert: callers?.authorities() !== undefined,
        // Probes have none, and what is refused gets an answer that says why.
        rejectUnauthorized: false,
      },
      (request, response) => {
        if (this.#draining) response.setHeader("connection", "close");
        const route = routes.get(pathOf(request.url ?? ""));
        if (route === undefined) send(response, 404, "there are /validate, /mutate, /probe, /healthz and /readyz");
        else route(request, response);
      },
    );
    // Listening on a host and port, the server is only given sockets.
    this.#server.on("connection", (duplex) => {
      const socket = duplex as Socket;
      connections.accept(socket);
      callers?.accepted(socket);
    });
    callers?.onAuthorities(() => this.#secure());
    this.#server.on("tlsClientError", (error) => {
      if (logger.isLevelEnabled("debug")) logger.debug("a TLS handshake failed", { error: error.message });
    });
  }

  /** Reviews that wait for something. */
  get inHand(): number {
    return this.#slots.taken();
  }

  /** Listens; port 0 takes a free one. Gives the port. Rejects where the address cannot be had. */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(port, host, resolve);
    await promise;
    this.#server.off("error", reject);
    // What listen gave is an address of the internet: only pipes have names.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Serves this certificate to every connection from now on; those that are open keep theirs. Throws where the pair does not fit. */
  use(pair: ServingPair): void {
    this.#secure(pair);
    this.#pair = pair;
  }

  #secure(pair: ServingPair | undefined = this.#pair): void {
    if (pair === undefined) return;
    const ca = this.#callers?.authorities();
    this.#server.setSecureContext({
      cert: pair.cert,
      key: pair.key,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      minVersion: "TLSv1.2",
      secureOptions: SECURE_OPTIONS,
    });
  }

  /**
   * Stops without losing a request: unready at once, so that the Service leaves this replica out; after `settle`
   * milliseconds nothing new is accepted; what is in hand is finished, for as long as a review may take. Idempotent.
   */
  drain(settle: number): Promise<void> {
    this.#closed ??= this.#drain(settle);
    return this.#closed;
  }

  async #drain(settle: number): Promise<void> {
    this.#draining = true;
    if (this.#server.listening) {
      await sleep(settle);
      const { promise, resolve } = Promise.withResolvers<void>();
      // Closes idle connections as well (Node 19 and later).
      this.#server.close(() => resolve());
      const cut = setTimeout(() => this.#server.closeAllConnections(), this.#deadline + 2_000);
      await promise;
      clearTimeout(cut);
    }
    this.#deadlines.close();
    clearInterval(this.#sweeper);
  }
}

type Route = (request: IncomingMessage, response: ServerResponse) => void;

const probe =
  (healthy: () => boolean, text: () => string = () => "ok", why: () => string | undefined = () => undefined) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== "GET" && request.method !== "HEAD")
      send(response, 405, "a probe is a GET", { allow: "GET, HEAD" });
    else if (healthy()) send(response, 200, text());
    else send(response, 503, ["not ready", why() ?? []].flat().join(": "));
  };

const pathOf = (url: string): string => {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
};
