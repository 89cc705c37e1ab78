import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Log } from "../../kube/log.ts";
import { addressRanges } from "./addressRanges.ts";
import { CallerLog } from "./callerLog.ts";
import { CallerRecord, type CallerCount, type CallerResult, type SeenCertificate } from "./callerRecord.ts";
import { ClientAuthorities, type TrustedAuthorities } from "./clientAuthorities.ts";
import { prove, type Proof } from "./proof.ts";

/** Who may post reviews (design.md section 10). */
export interface CallerSettings {
  /** File of the authorities of API servers' client certificates; with it `clientNames`. */
  readonly clientCa?: string;
  /** Exact common names, DNS names or URIs; any of them. */
  readonly clientNames: readonly string[];
  /** Addresses and CIDR ranges that reviews may come from; empty: any. */
  readonly addresses: readonly string[];
  /** Whether what proves nothing is refused, or only counted and logged. Addresses are always refused. */
  readonly action: "Report" | "Enforce";
}

export interface CallersOptions {
  readonly logger: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds for which a connection is kept where certificates are asked for; 30 s by default. */
  readonly connectionAge?: number;
}

/** What a request's sender may have. */
export type Judged =
  /** `last`: the connection has been open for long enough. */
  | { readonly status: "taken"; readonly last: boolean }
  | { readonly status: "refused"; readonly code: 401 | 403; readonly message: string };

interface Known {
  readonly address: string | undefined;
  readonly inRange: boolean;
  /** Milliseconds of the monotonic clock. */
  readonly since: number;
  readonly handshake: TrustedAuthorities | undefined;
  /** By what `proof` was judged. */
  by: TrustedAuthorities | undefined;
  proof: Proof | undefined;
  counted: CallerCount | undefined;
  certificate: SeenCertificate | undefined;
  /** Milliseconds since the epoch: when the log was told of it. */
  told: number;
}

/**
 * Milliseconds after which a connection is closed with its answer where certificates are asked for: an API server shows its newest
 * certificate with its next connection, so nobody has to wait longer for a rotation. A handshake each costs a processor 1 ms.
 */
const CONNECTION_AGE = 30_000;

/** Milliseconds after which the log is told again of a connection that is still there. */
const TOLD = 60_000;

const TAKEN: Judged = { status: "taken", last: false };
const LAST: Judged = { status: "taken", last: true };
const UNPROVED: Judged = {
  status: "refused",
  code: 401,
  message:
    "reviews are answered to the client certificates of API servers only: see --webhook-client-ca and --webhook-client-names",
};
const ELSEWHERE: Judged = {
  status: "refused",
  code: 403,
  message: "reviews are answered to the addresses of API servers only: see --webhook-callers",
};

/** Knows who asks. Judged for each request: the file of authorities, and the time, go on while a connection is open. */
export class Callers {
  readonly record: CallerRecord = new CallerRecord();
  readonly #settings: CallerSettings;
  readonly #authorities: ClientAuthorities | undefined;
  readonly #inRange: (address: string | undefined) => boolean;
  readonly #log: CallerLog;
  readonly #now: () => number;
  readonly #connectionAge: number;
  readonly #known = new WeakMap<Socket, Known>();
  /** By what the handshakes verify that are on their way, by the peer's address and port. */
  readonly #accepted = new Map<string, TrustedAuthorities>();

  private constructor(
    settings: CallerSettings,
    authorities: ClientAuthorities | undefined,
    { logger, now, connectionAge = CONNECTION_AGE }: CallersOptions,
  ) {
    this.#connectionAge = connectionAge;
    this.#settings = settings;
    this.#authorities = authorities;
    this.#inRange = settings.addresses.length === 0 ? () => true : addressRanges(settings.addresses);
    this.#log = new CallerLog(logger);
    this.#now = now;
  }

  /** Rejects where the file of authorities cannot be used. */
  static async open(settings: CallerSettings, options: CallersOptions): Promise<Callers> {
    const { clientCa } = settings;
    return new Callers(
      settings,
      clientCa === undefined ? undefined : await ClientAuthorities.open(clientCa, options.logger),
      options,
    );
  }

  /** PEM certificates by which clients are asked for theirs; undefined: they are not asked. */
  authorities(): readonly string[] | undefined {
    return this.#authorities?.current().pem;
  }

  /** Calls `listener` when `authorities` gives others. */
  onAuthorities(listener: () => void): void {
    this.#authorities?.onChange(listener);
  }

  /** A connection whose handshake begins now, by the authorities that are in force now. */
  accepted(socket: Socket): void {
    if (this.#authorities === undefined) return;
    const key = endOf(socket);
    this.#accepted.set(key, this.#authorities.current());
    socket.once("close", () => this.#accepted.delete(key));
  }

  /** Judges the sender of one request, and counts it. */
  judge(socket: Socket): Judged {
    const known = this.#known.get(socket) ?? this.#meet(socket);
    const now = this.#now();
    const result = this.#resultOf(known, socket, now);
    const { action } = this.#settings;
    const refused =
      result === "wrongAddress" ? ELSEWHERE : result !== "accepted" && action === "Enforce" ? UNPROVED : undefined;
    this.#count(known, result, refused === undefined, now);
    if (refused !== undefined) return refused;
    return this.#authorities !== undefined && performance.now() - known.since >= this.#connectionAge ? LAST : TAKEN;
  }

  close(): void {
    this.#authorities?.close();
  }

  #meet(socket: Socket): Known {
    const address = socket.remoteAddress;
    const known: Known = {
      address,
      inRange: this.#inRange(address),
      since: performance.now(),
      handshake: this.#accepted.get(endOf(socket)),
      by: undefined,
      proof: undefined,
      counted: undefined,
      certificate: undefined,
      told: Number.NEGATIVE_INFINITY,
    };
    this.#known.set(socket, known);
    return known;
  }

  #resultOf(known: Known, socket: Socket, now: number): CallerResult {
    if (!known.inRange) return "wrongAddress";
    if (this.#authorities === undefined) return "accepted";
    const current = this.#authorities.current();
    if (known.by !== current) {
      known.by = current;
      known.proof =
        known.handshake === undefined
          ? { status: "unproved", result: "untrusted" }
          : // The server is one of TLS.
            prove(socket as TLSSocket, { handshake: known.handshake, now: current, names: this.#settings.clientNames });
      known.counted = undefined;
    }
    const { proof } = known;
    if (proof?.status !== "proved") return proof?.result ?? "untrusted";
    return now >= proof.from && now <= proof.until ? "accepted" : "expired";
  }

  #count(known: Known, result: CallerResult, answered: boolean, now: number): void {
    const { proof } = known;
    const place = proof?.status === "proved" ? proof.place : undefined;
    if (known.counted?.result !== result) {
      known.counted = this.record.count(place, result);
      known.certificate =
        proof?.status === "proved"
          ? this.record.certificate(proof.place, proof.certificate.fingerprint, proof.certificate.notAfter, now)
          : undefined;
      known.told = Number.NEGATIVE_INFINITY;
    }
    known.counted.value += 1;
    if (known.certificate !== undefined && result === "accepted") known.certificate.seenAt = now;
    // Whom Enforce accepts is what was wanted: only Report tells of them.
    if (Math.abs(now - known.told) < TOLD) return;
    known.told = now;
    if (result !== "accepted" || (this.#authorities !== undefined && this.#settings.action === "Report"))
      this.#log.tell({ names: proof?.certificate?.names ?? [], address: known.address, result, answered }, now);
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
