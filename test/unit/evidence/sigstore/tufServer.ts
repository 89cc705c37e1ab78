import "reflect-metadata";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { initializeTUFRepo, tufHandlers } from "@tufjs/repo-mock";

export interface TufServer {
  readonly mirror: string;
  /** Answers instead of the repository where it gives true. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly root: string;
  readonly paths: readonly string[];
  readonly close: () => Promise<void>;
}

/** A TUF repository on loopback that can be taken down. */
export const tufServer = async (target: string): Promise<TufServer> => {
  const repository = initializeTUFRepo([{ name: "trusted_root.json", content: Buffer.from(target) }]);
  const handlers = new Map(tufHandlers(repository, { metadataPathPrefix: "" }).map(({ path, fn }) => [path, fn]));
  const paths: string[] = [];
  const running: Pick<TufServer, "instead"> = { instead: () => false };
  const server: Server = createServer((request, response) => {
    const path = request.url ?? "";
    paths.push(path);
    if (running.instead(request, response)) return;
    const { statusCode, response: body } = handlers.get(path)?.() ?? { statusCode: 404, response: "" };
    response.writeHead(statusCode).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // Bound to an address, so it has one.
  const { port } = server.address() as AddressInfo;
  return Object.assign(running, {
    mirror: `http://127.0.0.1:${port}`,
    root: JSON.stringify(repository.rootMeta.toJSON()),
    paths,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
};
