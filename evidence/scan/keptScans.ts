import { LRUCache } from "lru-cache";
import type { ScanOutcome } from "../../policy/facts/facts.ts";
import { SingleFlight, type Flight } from "../../async/singleFlight.ts";
import type { Maybe } from "../../async/maybe.ts";
import { createSharing } from "./sharedVulnerabilities.ts";

/** Bytes that reports may hold in memory. */
const MOST_BYTES = 64 * 1024 * 1024;
/** An answer without its reports: key, entry, outcome. */
const ENTRY_BYTES = 500;
/** A vulnerability with its texts; less where it is shared with other reports. */
const VULNERABILITY_BYTES = 250;

const bytesOf = (outcome: ScanOutcome): number =>
  outcome.status === "verified"
    ? outcome.value.reduce(
        (sum, { reports }) =>
          sum +
          reports.reduce(
            (n, { vulnerabilities, suppressed = [] }) =>
              n + (vulnerabilities.length + suppressed.length) * VULNERABILITY_BYTES,
            100,
          ),
        ENTRY_BYTES,
      )
    : ENTRY_BYTES;

/** The reports that were read. */
export interface KeptScans {
  /**
   * The answer under a key that names everything that it is read from; read once, however many ask at the same time.
   * Synchronous where it is known, or can be read on the spot.
   */
  readonly answer: (
    key: string,
    signal: AbortSignal,
    read: (signal: AbortSignal) => Maybe<ScanOutcome>,
  ) => Maybe<ScanOutcome>;
}

export const createKeptScans = (): KeptScans => {
  const kept = new LRUCache<string, ScanOutcome>({ maxSize: MOST_BYTES, sizeCalculation: bytesOf });
  const flights = new SingleFlight<ScanOutcome>();
  const share = createSharing();

  const keep = (key: string, outcome: ScanOutcome): ScanOutcome => {
    if (outcome.status === "unavailable") return outcome;
    const lean: ScanOutcome =
      outcome.status === "verified"
        ? { ...outcome, value: outcome.value.map((one) => ({ ...one, reports: one.reports.map(share) })) }
        : outcome;
    kept.set(key, lean);
    return lean;
  };

  const late = (): ScanOutcome => ({
    status: "unavailable",
    cause: "timeout",
    message: "the scan report was not read in time",
  });
  const reading = new Set<string>();

  return {
    answer: (key, signal, read) => {
      const known = kept.get(key);
      if (known !== undefined) return known;
      if (reading.has(key))
        return flights.run(key, signal, async (flight) => keep(key, await read(flight.signal)), late);
      // It outlives whoever asks first, for as long as somebody waits.
      const nobody = new AbortController();
      const first = read(nobody.signal);
      if (!(first instanceof Promise)) return keep(key, first);
      reading.add(key);
      const work = async (flight: Flight): Promise<ScanOutcome> => {
        flight.signal.addEventListener("abort", () => nobody.abort(), { once: true });
        try {
          return keep(key, await first);
        } finally {
          reading.delete(key);
        }
      };
      return flights.run(key, signal, work, late);
    },
  };
};
