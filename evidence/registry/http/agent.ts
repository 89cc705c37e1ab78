import { Agent, Pool } from "undici";

/** Milliseconds that a connection is kept for another request, and registries beyond which none is. */
const KEPT = 30_000;
const FEW_ORIGINS = 64;

/**
 * Connections to registries, kept for a while. Among very many registries they end with what they were opened for: whoever has a domain of his
 * own has as many registries as he likes, and an idle connection takes 80 KiB.
 *
 * @param silence milliseconds between two bytes.
 */
export function createAgent(connect: NonNullable<Agent.Options["connect"]>, silence: number): Agent {
  const keeping = (): { readonly keepAliveTimeout?: number; readonly keepAliveMaxTimeout?: number } =>
    Object.keys(agent.stats).length < FEW_ORIGINS ? {} : { keepAliveTimeout: 1, keepAliveMaxTimeout: 1 };
  const agent: Agent = new Agent({
    connect,
    // The limiter bounds them, in fair shares; undici's own line before an origin, which several registries may share, would not be fair.
    connections: null,
    pipelining: 1,
    allowH2: false,
    headersTimeout: silence,
    bodyTimeout: silence,
    maxHeaderSize: 64 * 1024,
    keepAliveTimeout: KEPT,
    keepAliveMaxTimeout: 2 * KEPT,
    factory: (origin, options) => new Pool(origin, Object.assign({}, options, keeping())),
  });
  return agent;
}
