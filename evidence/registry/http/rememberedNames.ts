import { LRUCache } from "lru-cache";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { Limiter } from "./limiter.ts";
import type { Network, ResolvedAddress } from "./network.ts";
import { within } from "../../../async/signals.ts";

type Addresses = readonly ResolvedAddress[];

/** Milliseconds that a name's last addresses may stand in, and that an answer is waited for while there are some. */
const LIFE = 3_600_000;
const PATIENCE = 1_000;

/**
 * Names that are resolved at a time: half of the image's sixteen threads are there for it, but for one that is left to others. A lookup cannot be
 * called off, so that one tenant has at most six of these places, however slow his names are.
 */
const AT_ONCE = 7;
const WAITING = 1_024;
/** Milliseconds for a place: less than connecting may take, which says something about a host. */
const TURN = 3_000;

/** Too many names are being resolved, on behalf of others or of whoever asks. */
export class CrowdedNames extends Error {
  override readonly name = "CrowdedNames";
}

const isGone = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOTFOUND";

/**
 * Resolves names, each once however many connections wait, in fair shares, and goes on with a name's last addresses while no answer comes.
 *
 * The system resolves a few names at a time (libuv keeps half of its threads for it) and none of them can be called off: a pod with a
 * hundred images at names whose servers never answer would keep every registry from being found for minutes. `remembered`: whether old
 * addresses will do, which they do for TLS alone, where whoever answers there has to prove the name.
 */
export function rememberNames(resolve: Network["resolve"]): (host: string, remembered: boolean) => Promise<Addresses> {
  const places = new Limiter(AT_ONCE, WAITING, true);
  const flights = new SingleFlight<Addresses>();
  const last = new LRUCache<string, Addresses>({ max: 1_000, ttl: LIFE });

  const inTurn = async (host: string): Promise<Addresses> => {
    const seat = await places.enter("", AbortSignal.timeout(TURN));
    if (seat === "full" || seat === "aborted") throw new CrowdedNames();
    try {
      const found = await resolve(host);
      if (found.length > 0) last.set(host, found);
      return found;
    } catch (error) {
      if (isGone(error)) last.delete(host);
      throw error;
    } finally {
      seat.leave();
    }
  };

  /** Nobody can call it off. */
  const ask = (host: string): Promise<Addresses> =>
    flights.run(
      host,
      new AbortController().signal,
      async () => inTurn(host),
      () => [],
    );

  return async (host, remembered) => {
    const before = remembered ? last.get(host) : undefined;
    const asked = ask(host);
    if (before === undefined) return asked;
    return within(asked, { milliseconds: PATIENCE }, () => before).catch((error: unknown) => {
      if (isGone(error)) throw error;
      return before;
    });
  };
}
