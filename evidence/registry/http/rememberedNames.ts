import { LRUCache } from "lru-cache";
import type { Network, ResolvedAddress } from "./network.ts";
import { within } from "../../../async/signals.ts";

type Addresses = readonly ResolvedAddress[];

/** Milliseconds that a name's last addresses may stand in, and that an answer is waited for while there are some. */
const LIFE = 3_600_000;
const PATIENCE = 1_000;

const isGone = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOTFOUND";

/**
 * Resolves names, each once however many connections wait, and goes on with a name's last addresses while no answer comes.
 *
 * The system resolves two names at a time (libuv keeps half of its four threads for it) and none of them can be called off: a pod with a
 * hundred images at names whose servers never answer would keep every registry from being found for minutes. `remembered`: whether old
 * addresses will do, which they do for TLS alone, where whoever answers there has to prove the name.
 */
export function rememberNames(resolve: Network["resolve"]): (host: string, remembered: boolean) => Promise<Addresses> {
  const pending = new Map<string, Promise<Addresses>>();
  const last = new LRUCache<string, Addresses>({ max: 1_000, ttl: LIFE });

  const ask = (host: string): Promise<Addresses> => {
    const known = pending.get(host);
    if (known !== undefined) return known;
    const asked = resolve(host)
      .then(
        (found) => {
          if (found.length > 0) last.set(host, found);
          return found;
        },
        (error: unknown) => {
          if (isGone(error)) last.delete(host);
          throw error;
        },
      )
      .finally(() => pending.delete(host));
    pending.set(host, asked);
    return asked;
  };

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
