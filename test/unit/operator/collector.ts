import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { HTTP, type CloudEvent } from "cloudevents";
import type { Denial } from "../../../webhook/review/denial.ts";

/** A collector that remembers what it took. */
export class Collector implements AsyncDisposable {
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  answer: (response: ServerResponse) => void = (response) => response.writeHead(204).end();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        this.requests.push({ headers: request.headers, body });
        this.answer(response);
      });
    });
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    const { promise, resolve } = Promise.withResolvers<void>();
    collector.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** As the SDK reads them, which checks them by the specification. */
  events(): readonly CloudEvent<Denial>[] {
    return this.requests.flatMap((request) => HTTP.toEvent<Denial>(request)) as CloudEvent<Denial>[];
  }

  ids(): readonly string[] {
    return this.events().map(({ id }) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}
