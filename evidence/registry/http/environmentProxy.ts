import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { EnvHttpProxyAgent } from "undici";
import { createProxyChoice, proxyIn, type ProxyChoice } from "./proxy.ts";

/**
 * The clouds' APIs are reached as their own tools reach them: through HTTPS_PROXY, HTTP_PROXY and NO_PROXY. (Registries have their
 * settings, `--https-proxy` and others.) Lives as long as `use` works.
 */
export async function throughProxy<T>(use: (dispatcher: EnvHttpProxyAgent) => Promise<T>): Promise<T> {
  const dispatcher = new EnvHttpProxyAgent();
  try {
    return await use(dispatcher);
  } finally {
    await dispatcher.destroy();
  }
}

/** The same for a client of the AWS SDK (its `requestHandler`), which asks no environment; it destroys them with itself. */
export const proxyAgents = (): { readonly httpAgent: HttpAgent; readonly httpsAgent: HttpsAgent } => ({
  httpAgent: new HttpAgent({ proxyEnv: process.env }),
  httpsAgent: new HttpsAgent({ proxyEnv: process.env }),
});

/** The same for what connects by itself. Throws where the environment names no proxy that can be used. */
export const proxyOfEnvironment = (): ProxyChoice => createProxyChoice(proxyIn(process.env));
