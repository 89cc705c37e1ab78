import { expectStatus, getObject } from "../expectStatus.ts";
import type { KubeClient } from "../kubeClient.ts";
import { messageOf } from "../kubeError.ts";
import { type JsonObject, fieldsOf, textOf } from "../../json/fields.ts";
import { metadataOf } from "../object.ts";
import { pause } from "../../async/signals.ts";
import type { Leadership } from "./leadership.ts";
import type { Log } from "../log.ts";
import { microTime } from "../timestamp.ts";

export interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** The Lease's name. */
  readonly name: string;
  /** Unique to this process, also among restarts of the same Pod. */
  readonly identity: string;
  /** Milliseconds: others take over when the Lease was not renewed for so long. */
  readonly duration: number;
  /** Milliseconds: below `duration`; the difference is what a write that is on its way may take. */
  readonly renewDeadline: number;
  /** Milliseconds between attempts. */
  readonly retry: number;
  readonly onChange: (leading: boolean) => void;
  readonly log: Log;
  readonly clocks?: Clocks;
  readonly random?: () => number;
}

/**
 * Milliseconds. `monotonic` cannot be set back; `wall` goes on while the machine sleeps. Leading ends when either says so: a paused
 * process must not go on as if no time had passed.
 */
export interface Clocks {
  readonly monotonic: () => number;
  readonly wall: () => number;
}

const CLOCKS: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** Milliseconds for each request of giving the Lease back. */
const RELEASE_TIMEOUT = 2_000;

interface Term {
  readonly monotonic: number;
  readonly wall: number;
}

/** What was seen of a foreign Lease, and since when it has not changed: other machines' clocks are not believed. */
interface Sighting {
  readonly resourceVersion: string;
  readonly since: Term;
}

/**
 * Leader election by a Lease (coordination.k8s.io/v1): every change carries the resourceVersion that it is based on, so that the API
 * server lets only one of two processes have it. Who leads renews it, and stops leading by its own clock before anyone else may begin.
 */
export class LeaderElector implements Leadership {
  readonly #options: LeaderElectorOptions;
  readonly #clocks: Clocks;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** Leading ends here, unless renewed. */
  #until: Term | undefined;
  #sighting: Sighting | undefined;
  #told = false;
  #expiry: NodeJS.Timeout | undefined;
  #lease: unknown;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#clocks = options.clocks ?? CLOCKS;
  }

  /** Whether this process leads at this very moment. */
  mayWrite(): boolean {
    const until = this.#until;
    return until !== undefined && this.#clocks.monotonic() < until.monotonic && this.#clocks.wall() < until.wall;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops leading, and gives the Lease back so that another one can take over at once. Idempotent. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("stopped"));
    await this.#running;
    const held = this.mayWrite() ? this.#lease : undefined;
    this.#end();
    if (held !== undefined) await this.#release(held);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { retry, log } = this.#options;
    const random = this.#options.random ?? Math.random;
    let lastError: string | undefined;
    while (!signal.aborted) {
      // A term that ended while this process was frozen has ended, also where the Lease can be had again at once.
      this.#tell();
      try {
        await this.#attempt(signal);
        lastError = undefined;
      } catch (error) {
        if (signal.aborted) break;
        const message = messageOf(error);
        log[message === lastError ? "debug" : "warn"]("the Lease cannot be had; trying again", { error: message });
        lastError = message;
      }
      this.#tell();
      // Jittered, so that processes that started together do not ask together.
      await pause(retry * (0.8 + 0.4 * random()), signal);
    }
  }

  /** Gets or renews the Lease, if it can be had. */
  async #attempt(signal: AbortSignal): Promise<void> {
    const { client, retry } = this.#options;
    // Who leads knows the Lease as it is: one request renews it, unless someone else has written.
    if (this.mayWrite() && this.#lease !== undefined && (await this.#write("PUT", this.#lease, signal))) return;
    const lease = await getObject(client, this.#path(), { signal, timeout: this.#patience(retry) });
    if (lease === undefined) {
      await this.#write("POST", undefined, signal);
      return;
    }
    const holder = textOf(specOf(lease)["holderIdentity"]);
    if (holder === this.#options.identity || holder === "" || this.#hasExpired(lease))
      await this.#write("PUT", lease, signal);
    else if (this.#until !== undefined) this.#end();
  }

  /** Whether a foreign Lease has not been renewed, as far as this process has seen, for as long as it says that it holds. */
  #hasExpired(lease: unknown): boolean {
    const { resourceVersion } = metadataOf(lease);
    const now = { monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() };
    if (this.#sighting?.resourceVersion !== resourceVersion) {
      this.#sighting = { resourceVersion, since: now };
      return false;
    }
    const seconds = specOf(lease)["leaseDurationSeconds"];
    const duration = typeof seconds === "number" ? seconds * 1_000 : this.#options.duration;
    // By the monotonic clock alone: a wall clock that jumps must not make a leader of anyone.
    return now.monotonic - this.#sighting.since.monotonic > duration;
  }

  /** Gives false where another one was faster, or where this is the answer to a renewal that was thought lost: the next look tells. */
  async #write(method: "POST" | "PUT", before: unknown, signal: AbortSignal): Promise<boolean> {
    const { client, renewDeadline, retry, identity } = this.#options;
    // Leading is counted from before the request: the API server may have taken it long before its answer arrives.
    const begun = { monotonic: this.#clocks.monotonic(), wall: this.#clocks.wall() };
    const path = method === "POST" ? this.#collection() : this.#path();
    // A 404 to a POST is a namespace that is not there.
    const statuses = method === "POST" ? [200, 201, 409] : [200, 201, 404, 409];
    const response = await expectStatus(client, statuses, method, path, {
      body: this.#body(before, identity),
      signal,
      timeout: this.#patience(retry),
    });
    if (response.status >= 400) return false;
    this.#lease = response.body;
    this.#until = { monotonic: begun.monotonic + renewDeadline, wall: begun.wall + renewDeadline };
    this.#sighting = undefined;
    this.#armExpiry();
    return true;
  }

  #body(before: unknown, holder: string): JsonObject {
    const { namespace, name, duration } = this.#options;
    const old = specOf(before);
    const time = microTime(this.#clocks.wall());
    const mine = textOf(old["holderIdentity"]) === holder;
    const transitions = typeof old["leaseTransitions"] === "number" ? old["leaseTransitions"] : 0;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata:
        before === undefined
          ? { namespace, name }
          : { namespace, name, resourceVersion: metadataOf(before).resourceVersion },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: holder === "" ? 1 : Math.ceil(duration / 1_000),
        acquireTime: mine ? old["acquireTime"] : time,
        renewTime: time,
        leaseTransitions: before === undefined || mine || holder === "" ? transitions : transitions + 1,
      },
    };
  }

  async #release(held: unknown): Promise<void> {
    const { client, identity } = this.#options;
    const giveBack = async (lease: unknown): Promise<number> =>
      (
        await expectStatus(client, [200, 404, 409], "PUT", this.#path(), {
          body: this.#body(lease, ""),
          timeout: RELEASE_TIMEOUT,
        })
      ).status;
    try {
      if ((await giveBack(held)) !== 409) return;
      // A renewal of ours that was ended on its way may have arrived.
      const lease = await getObject(client, this.#path(), { timeout: RELEASE_TIMEOUT });
      if (textOf(specOf(lease)["holderIdentity"]) === identity) await giveBack(lease);
    } catch (error) {
      this.#options.log.info("the Lease could not be given back; it will run out", { error: messageOf(error) });
    }
  }

  /** Tells of the end of a term when it comes, also while a request hangs. */
  #armExpiry(): void {
    clearTimeout(this.#expiry);
    const left = (this.#until?.monotonic ?? 0) - this.#clocks.monotonic();
    this.#expiry = setTimeout(() => this.#tell(), Math.max(0, left) + 5);
  }

  #end(): void {
    this.#until = undefined;
    clearTimeout(this.#expiry);
    this.#tell();
  }

  #tell(): void {
    const leading = this.mayWrite();
    if (leading === this.#told) return;
    this.#told = leading;
    this.#options.log.info(leading ? "this operator leads now" : "this operator leads no longer");
    this.#options.onChange(leading);
  }

  /** Milliseconds for one request: short enough for several attempts within a term. */
  #patience(retry: number): number {
    return Math.max(retry, this.#options.renewDeadline / 3);
  }

  #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#options.namespace}/leases`;
  }

  #path(): string {
    return `${this.#collection()}/${this.#options.name}`;
  }
}

const specOf = (lease: unknown): JsonObject => fieldsOf(fieldsOf(lease)["spec"]);
