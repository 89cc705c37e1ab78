import { connect, type Socket } from "node:net";
import type { Network, ResolvedAddress } from "../../../../../evidence/registry/http/network.ts";

/** A network in which names stand for the addresses that a test gives them, and every dialled address leads to loopback. */
export interface TestNetwork extends Network {
  /** What was resolved and dialled, in order: `resolve name`, `dial address:port`. */
  readonly log: string[];
}

/**
 * `addresses` by name: one list for always, or several in turn. `ports`: where a dialled `address:port` really leads on
 * 127.0.0.1; others are refused. Nothing is ever sent to the addresses themselves.
 */
export function testNetwork(
  addresses: Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>,
  ports: Readonly<Record<string, number>> = {},
): TestNetwork {
  const log: string[] = [];
  const asked = new Map<string, number>();
  const listFor = (host: string): readonly string[] => {
    const found = addresses[host];
    if (found === undefined) throw Object.assign(new Error("unknown name"), { code: "ENOTFOUND" });
    const nth = asked.get(host) ?? 0;
    asked.set(host, nth + 1);
    const inTurn = found.filter((one): one is readonly string[] => typeof one !== "string");
    if (inTurn.length > 0) return inTurn[Math.min(nth, inTurn.length - 1)] ?? [];
    return found.filter((one): one is string => typeof one === "string");
  };
  return {
    log,
    resolve: async (host) => {
      log.push(`resolve ${host}`);
      return listFor(host).map((address): ResolvedAddress => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
    dial: (found, port): Socket => {
      const [first] = found;
      log.push(`dial ${found.map(({ address }) => address).join(",")}:${port}`);
      const target = ports[`${first?.address}:${port}`];
      // Port 1 of loopback: nobody listens there.
      return connect({ host: "127.0.0.1", port: target ?? 1 });
    },
  };
}
