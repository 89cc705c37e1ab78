import type { Unproved } from "./proof.ts";

/** What a request's sender came to. `accepted`: everything that was asked for holds. */
export type CallerResult = "accepted" | "wrongAddress" | Unproved;

/** One series of `image_security_webhook_callers_total`. */
export interface CallerCount {
  /** The place in the list of names, from 1, else `other`. */
  readonly caller: string;
  readonly result: CallerResult;
  value: number;
}

/** A client certificate that was accepted. */
export interface SeenCertificate {
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  seenAt: number;
}

/** Milliseconds for which a certificate that is used no more still counts beside a newer one. */
const REPLACED = 3_600_000;
/** Certificates kept for one caller: more API servers than any cluster has, under one name. */
const MOST = 32;

/** Counts callers and remembers when their certificates end. Plain numbers: a request is counted between two others (ADR 10). */
export class CallerRecord {
  readonly #counts = new Map<string, CallerCount>();
  readonly #certificates = new Map<string, Map<string, SeenCertificate>>();

  /** The counter, to be kept with the connection and counted up. */
  count(place: number | undefined, result: CallerResult): CallerCount {
    const caller = nameOf(place);
    const key = `${caller} ${result}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const made: CallerCount = { caller, result, value: 0 };
    this.#counts.set(key, made);
    return made;
  }

  /** The certificate, to be kept with the connection and dated at each request. */
  certificate(place: number, fingerprint: string, expires: number, now: number): SeenCertificate {
    const caller = nameOf(place);
    const seen = this.#certificates.get(caller) ?? new Map<string, SeenCertificate>();
    this.#certificates.set(caller, seen);
    const known = seen.get(fingerprint);
    if (known !== undefined) return known;
    const made = { fingerprint, expires, seenAt: now };
    const oldest = [...seen.values()].toSorted((one, other) => one.seenAt - other.seenAt)[0];
    if (seen.size >= MOST && oldest !== undefined) seen.delete(oldest.fingerprint);
    seen.set(fingerprint, made);
    return made;
  }

  counts(): readonly CallerCount[] {
    return [...this.#counts.values()];
  }

  /**
   * For each caller the earliest end, in milliseconds since the epoch, of the certificates that it used within an hour of its last one.
   * What has ended stays: nobody comes with it any more, and that is what the alert is about.
   */
  expiries(): readonly { readonly caller: string; readonly expires: number }[] {
    return [...this.#certificates].map(([caller, seen]) => {
      const last = Math.max(...[...seen.values()].map(({ seenAt }) => seenAt));
      const used = [...seen.values()].filter(({ seenAt }) => seenAt > last - REPLACED);
      return { caller, expires: Math.min(...used.map(({ expires }) => expires)) };
    });
  }
}

const nameOf = (place: number | undefined): string => (place === undefined ? "other" : String(place + 1));
