import { STATUS_CODES } from "node:http";
import about from "../../../package.json" with { type: "json" };
import type { Agent, Dispatcher } from "undici";
import { Pieces } from "../../../async/pieces.ts";
import type { EvidenceMetrics } from "../../metrics.ts";
import { absent, type Failure, malformed, unavailable, type RegistryFlight, type Unavailable } from "../failure.ts";
import { createAgent } from "./agent.ts";
import { BufferBudget, type Room } from "./bufferBudget.ts";
import { Circuits } from "./circuits.ts";
import { Limiter, type Seat } from "./limiter.ts";
import { isUnreachable, networkFailure } from "./networkFailure.ts";
import { isTransient, retryAfter } from "./retry.ts";
import { TurnBudget } from "./turnBudget.ts";
import { mediaTypeOf } from "../mediaTypes.ts";
import type { RegistryLimits } from "../settings.ts";
import { backoffAfter } from "../../../async/backoff.ts";
import { pause } from "../../../async/signals.ts";

export type Operation = "manifest" | "tag" | "blob" | "referrers" | "token" | "push";

/** Sees a body go by; made anew for each attempt. */
export interface Sink {
  readonly write: (chunk: Uint8Array) => void;
  /** Set as soon as the rest need not be read. */
  readonly problem?: string | undefined;
}

export interface RegistryRequest {
  /** As references name it: for limits, metrics and messages. */
  readonly registry: string;
  /** Who is at the URL, for messages, where it is not the registry itself. */
  readonly server?: string;
  /** A mirror is asked: where it sends us to is the operator's own, and messages do not name it. */
  readonly mirrored?: boolean;
  readonly operation: Operation;
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the URL's own origin only: a redirect to another one goes without. */
  readonly authorization?: string | undefined;
  readonly body?: string | Uint8Array;
  /** Bytes of a body with status 200. */
  readonly limit: number;
  /** What is read, for the message of a limit. */
  readonly what: string;
  readonly sink?: () => Sink;
  /** Statuses that are an answer to this question, although they say "not now" of others. */
  readonly answers?: readonly number[];
  /** false: a redirect is an answer. A POST or PUT is never followed: its body may be a secret, and goes where it was sent. */
  readonly follow: boolean;
  /** Set where a registry may not know the question: an answer of another type than this, or a redirect to a place that gives none, is `absent`. */
  readonly onlyType?: string;
}

export interface RegistryResponse {
  readonly status: "answered";
  readonly code: number;
  /** Where redirects to another origin have led to, for messages. */
  readonly elsewhere?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty unless the code is 200, or 201 of a token. */
  readonly bytes: Uint8Array;
}

/** Bytes that are hashed and scanned in the time that a piece of a body costs, however small it is. */
const PIECE = 512;

/** Some registries, and what stands before them, answer 403 to whoever does not say who he is. */
const USER_AGENT = `image-security/${about.version}`;

/** Milliseconds between attempts. */
const BACKOFF = { base: 100, limit: 2_000 };
/**
 * Exchanges at a time with all registries together, of which a tenant has three quarters at most: whoever has a domain of his own has as many
 * registries as he likes, and each connection takes 80 KiB.
 */
const MOST_EXCHANGES = 512;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface TransportOptions {
  readonly connect: NonNullable<Agent.Options["connect"]>;
  readonly concurrency: number;
  readonly limits: RegistryLimits;
  readonly metrics: EvidenceMetrics;
  readonly random: () => number;
}

/** Headers in lower case. Several of one name are a list (RFC 9110 section 5.3); one that a proxy wrote twice is one. */
function flatten(headers: Dispatcher.ResponseData["headers"]): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name.toLowerCase()] = Array.isArray(value) ? [...new Set(value)].join(", ") : value;
  }
  return flat;
}

/** HTTP with everything bounded: places, bytes, redirects, attempts, time. Never rejects. */
export class Transport {
  readonly #agent: Agent;
  readonly #limiter: Limiter;
  readonly #exchanges = new Limiter(MOST_EXCHANGES, 64 * MOST_EXCHANGES, true);
  readonly #budget: BufferBudget;
  readonly #circuits: Circuits;
  readonly #turns = new TurnBudget(256 * 1024);
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    const { limits } = options;
    this.#options = options;
    this.#limiter = new Limiter(options.concurrency, 64 * options.concurrency);
    this.#budget = new BufferBudget(limits.registryBuffer, limits.totalBuffer);
    this.#circuits = new Circuits(limits.circuitTime);
    options.metrics.openCircuits?.(() => this.#circuits.open);
    this.#agent = createAgent(options.connect, limits.exchangeTime);
  }

  /** Aborts what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Asks, and asks again where that may help, until the flight or the attempts end. */
  async ask(question: RegistryRequest, flight: RegistryFlight): Promise<RegistryResponse | Failure> {
    const { limits } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const result = await this.#attempt(question, flight.signal, attempt >= limits.attempts);
      const failed = result.status === "answered" ? this.#transient(question, result) : result;
      if (failed === undefined) return result;
      if (failed.status !== "unavailable") return failed;
      if (flight.signal.aborted) return flight.last ?? failed;
      const { status, cause, message, advised } = failed;
      flight.last = { status, cause, message, ...(advised === true ? { advised } : {}) };
      const asked = "wait" in failed ? failed.wait : undefined;
      const wait = Math.max(asked ?? 0, backoffAfter(attempt, { ...BACKOFF, random: this.#options.random }));
      const again = !("retry" in failed) || failed.retry;
      if (!again || attempt >= limits.attempts || wait > limits.retryAfter) return flight.last;
      if (!(await pause(wait, flight.signal))) return flight.last;
    }
  }

  #transient(
    question: RegistryRequest,
    answer: RegistryResponse,
  ): (Failure & { readonly wait: number | undefined }) | undefined {
    if (!isTransient(answer.code) || question.answers?.includes(answer.code) === true) return undefined;
    const wait = retryAfter(answer.headers["retry-after"], Date.now());
    const who = answer.elsewhere ?? serverOf(question);
    const failure =
      answer.code === 429
        ? unavailable("rateLimited", `${who} limits how often it may be asked`)
        : unavailable("serverError", `${who} answered with status ${answer.code}`);
    return { ...failure, wait };
  }

  /** `last`: nobody tries again after it, so that a host that cannot be reached now is left alone for a while. */
  async #attempt(
    question: RegistryRequest,
    signal: AbortSignal,
    last: boolean,
  ): Promise<RegistryResponse | (Failure & { readonly retry?: boolean; readonly wait?: number | undefined })> {
    const { registry, operation } = question;
    const progress: Progress = { inBody: false };
    const seat = await this.#seat(registry, signal);
    if (seat === "full") {
      return { ...unavailable("overloaded", `too many requests to ${registry} are waiting`), retry: false };
    }
    const silent = (): Unavailable =>
      unavailable("timeout", `${progress.elsewhere ?? serverOf(question)} did not answer in time`);
    if (seat === "aborted") return silent();
    const { origin } = question.url;
    const passage = this.#circuits.enter(origin);
    if (passage === "open") {
      seat.leave();
      return { ...unavailable("network", `${serverOf(question)} could not be reached a moment ago`), retry: false };
    }
    let reached: boolean | undefined;
    let again = true;
    const started = performance.now();
    // One timer bounds the whole exchange: undici's own only bound the silence between two bytes.
    const timer = new AbortController();
    const expire = setTimeout(() => timer.abort(), this.#options.limits.exchangeTime);
    let code = "error";
    try {
      const result = await this.#follow(question, AbortSignal.any([signal, timer.signal]), seat, progress);
      reached = true;
      code = result.status === "answered" ? statusLabel(result.code) : codeLabel(result);
      return result;
    } catch (error) {
      const failure =
        signal.aborted || timer.signal.aborted
          ? { ...silent(), retry: false }
          : networkFailure(error, { registry, server: progress.elsewhere ?? serverOf(question) }, progress.inBody);
      const away = progress.elsewhere !== undefined;
      if (!signal.aborted && !timer.signal.aborted) reached = away || !isUnreachable(error);
      again = failure.retry;
      code = codeLabel(failure);
      return away && question.onlyType !== undefined && !signal.aborted ? unknownQuestion(question) : failure;
    } finally {
      clearTimeout(expire);
      if (reached === true) this.#circuits.reach(origin);
      else if (reached === false && (last || !again || passage === "probe")) this.#circuits.fail(origin, registry);
      else if (passage === "probe") this.#circuits.giveUp(origin);
      seat.leave();
      this.#options.metrics.registryRequest(registry, operation, code, (performance.now() - started) / 1000);
    }
  }

  /** A place among those who ask this registry, then one among all who ask. */
  async #seat(registry: string, signal: AbortSignal): Promise<Seat | "full" | "aborted"> {
    const seat = await this.#limiter.enter(registry, signal);
    if (seat === "full" || seat === "aborted") return seat;
    const place = await this.#exchanges.enter("", signal);
    if (place === "full" || place === "aborted") {
      seat.leave();
      return place;
    }
    const leave = (): void => {
      place.leave();
      seat.leave();
    };
    return { ...seat, leave };
  }

  async #follow(
    question: RegistryRequest,
    signal: AbortSignal,
    seat: Seat,
    progress: Progress,
  ): Promise<RegistryResponse | Failure> {
    let { url } = question;
    let { authorization } = question;
    for (let hops = 0; ; hops += 1) {
      const response = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: question.method,
        // A compressed body could grow without bound, and its digest would be another.
        headers: {
          ...question.headers,
          "accept-encoding": "identity",
          "user-agent": USER_AGENT,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(question.body === undefined ? {} : { body: question.body }),
        signal,
      });
      seat.alive();
      // A body that is not read to its end fails when it is given up; without a listener that would end the process.
      response.body.on("error", () => undefined);
      const headers = flatten(response.headers);
      if (!REDIRECTS.has(response.statusCode) || !question.follow) {
        progress.inBody = true;
        const answer = await this.#read(question, response, headers, seat, signal);
        const { elsewhere } = progress;
        return answer.status === "answered" && elsewhere !== undefined ? { ...answer, elsewhere } : answer;
      }
      discard(response.body);
      if (hops >= this.#options.limits.redirects) return malformed(`${serverOf(question)} redirects without end`);
      const next = redirectTarget(headers["location"], url);
      if (next === undefined && question.onlyType !== undefined) return unknownQuestion(question);
      if (next === undefined) return malformed(`${serverOf(question)} redirects to no place that may be asked`);
      // Once away from its origin a credential does not come back: the place in between chose where to.
      if (next.origin !== url.origin) authorization = undefined;
      // Also where it comes back: whoever is asked now was chosen on the way.
      if (next.origin !== url.origin || progress.elsewhere !== undefined) progress.elsewhere = targetOf(question, next);
      url = next;
    }
  }

  async #read(
    question: RegistryRequest,
    response: Dispatcher.ResponseData,
    headers: Record<string, string>,
    seat: Seat,
    signal: AbortSignal,
  ): Promise<RegistryResponse | Failure> {
    const { registry, limit, what } = question;
    const answer = { status: "answered", code: response.statusCode, headers, bytes: new Uint8Array() } as const;
    // Some token servers have created what they answer with.
    const answers = response.statusCode === 200 || (response.statusCode === 201 && question.operation === "token");
    if (!answers || question.method === "HEAD") {
      discard(response.body);
      return answer;
    }
    const type = mediaTypeOf(headers["content-type"]);
    if (question.onlyType !== undefined && type !== undefined && type !== question.onlyType) {
      discard(response.body);
      return unknownQuestion(question);
    }
    const tooLarge = (): Failure => {
      response.body.destroy();
      return malformed(`${what} is larger than ${limit} bytes`);
    };
    const declared = Number(headers["content-length"] ?? NaN);
    if (declared > limit) return tooLarge();
    const encoding = headers["content-encoding"]?.toLowerCase();
    if (encoding !== undefined && encoding !== "" && encoding !== "identity") {
      response.body.destroy();
      return malformed(`${what} is served compressed, which was not asked for`);
    }
    const overloaded = (): Failure => {
      response.body.destroy();
      return unavailable("overloaded", `too much is being read from ${registry} at once`);
    };
    // HTTP's own parser sees to it that a body is as long as it says.
    const room: Room | undefined = Number.isSafeInteger(declared)
      ? await this.#budget.reserve(registry, declared, signal)
      : this.#budget.open(registry, seat.tenant);
    if (room === undefined) return overloaded();
    const sink = question.sink?.();
    const chunks = new Pieces();
    let size = 0;
    try {
      for await (const chunk of response.body) {
        // undici gives Buffers where no encoding is set.
        const bytes = chunk as Buffer;
        if (size + bytes.length > limit) return tooLarge();
        seat.alive();
        if (!room.take(bytes.length)) return overloaded();
        size += bytes.length;
        chunks.add(bytes);
        sink?.write(bytes);
        if (sink?.problem !== undefined) {
          response.body.destroy();
          return malformed(`${what} ${sink.problem}`);
        }
        const turn = this.#turns.spend(bytes.length + PIECE);
        if (turn !== undefined) await turn;
      }
      return { ...answer, bytes: joined(chunks.end(), size) };
    } finally {
      room.release();
    }
  }
}

/** How far an exchange has come. `elsewhere`: whom redirects to another origin have led to. */
interface Progress {
  inBody: boolean;
  elsewhere?: string;
}

/** Who is asked, as messages name it. */
const serverOf = ({ registry, server = registry }: RegistryRequest): string => server;

const targetOf = (question: RegistryRequest, { host }: URL): string =>
  question.mirrored === true
    ? `the place to which ${serverOf(question)} redirects`
    : `${host.slice(0, 260)}, to which ${serverOf(question)} redirects,`;

/** A page to log in, or whatever else a registry or what stands before it has for a question that it does not know. */
const unknownQuestion = ({ registry, what }: RegistryRequest): Failure => absent(`${registry} does not have ${what}`);

/** Milliseconds for a body that nobody needs. */
const DISCARD = 1_000;

/**
 * Nothing of it is needed: read to its end where that is near, so that the connection can be used again. The exchange is over for its
 * caller, so no other clock runs: a body that drips would hold its connection, and 16 of them the registry, for ever.
 */
function discard(body: Dispatcher.ResponseData["body"]): void {
  body.dump({ limit: 16_384, signal: AbortSignal.timeout(DISCARD) }).catch(() => undefined);
}

/** Bytes of a body that a worker will read: shared memory reaches it as it is, where a copy of 19 MiB holds the event loop for 35 ms. */
const LARGE = 4 * 1024 * 1024;

/** In memory of its own: a chunk is a slice of the socket's 64 KiB, which a cached manifest must not keep alive. */
function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size > LARGE ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

const codeLabel = (failure: Failure): string => (failure.status === "unavailable" ? failure.cause : failure.status);

/** A status is whatever three digits a registry writes: what RFC 9110 does not know is one label, not a hundred. */
const statusLabel = (code: number): string => (code in STATUS_CODES ? String(code) : "other");

/** Where a redirect leads: HTTPS, or plain HTTP where we came by plain HTTP. */
function redirectTarget(location: string | undefined, from: URL): URL | undefined {
  if (location === undefined || !URL.canParse(location, from.href)) return undefined;
  const url = new URL(location, from);
  const scheme = url.protocol === "https:" || (url.protocol === "http:" && from.protocol === "http:");
  return scheme && url.username === "" && url.password === "" ? url : undefined;
}
