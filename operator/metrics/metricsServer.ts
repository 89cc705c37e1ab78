import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../kube/kubeError.ts";
import type { Log } from "../../kube/log.ts";
import type { OperatorMetrics } from "./metrics.ts";

export interface MetricsServer {
  /** The whole URL, such as `http://127.0.0.1:8080/metrics`. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves `/metrics` on a port of its own. Rejects where the address cannot be had. */
export async function startMetricsServer(
  metrics: Pick<OperatorMetrics, "text" | "contentType">,
  { host, port }: { readonly host: string; readonly port: number },
  log: Log,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404).end("there is /metrics\n");
      return;
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { "content-type": metrics.contentType }).end(text),
      (error: unknown) => {
        log.error("the metrics could not be computed", { error: messageOf(error) });
        response.writeHead(500).end();
      },
    );
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  await promise;
  server.off("error", reject);
  server.on("error", (error) => log.error("the metrics server failed", { error: messageOf(error) }));
  // Listening on a host and port gives an address of the internet, never a pipe's name.
  const { address, family, port: taken } = server.address() as AddressInfo;
  const shown =
    address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "[::1]" : family === "IPv6" ? `[${address}]` : address;
  return {
    url: `http://${shown}:${taken}/metrics`,
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
