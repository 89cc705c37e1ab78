import type {
  V1MutatingWebhookConfiguration,
  V1Secret,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import type { KubeClient } from "../../../../kube/kubeClient.ts";
import { FakeApiServer, json, type FakeObject } from "../../kube/fakeApiServer.ts";

/** One object of the API server, as it stands there: what is changed in it, somebody changed by hand. */
class Slot<T extends object> {
  readonly #server: FakeApiServer;
  readonly #collection: string;
  readonly #key: string;

  constructor(server: FakeApiServer, collection: string, key: string) {
    this.#server = server;
    this.#collection = collection;
    this.#key = key;
    server.define(collection);
  }

  get value(): T | undefined {
    // Nothing else is written there by tests and the code under test.
    return this.#server.get(this.#collection, this.#key) as unknown as T | undefined;
  }

  /** Writes of the code under test that were taken. */
  get writes(): number {
    return this.#server.writes(this.#collection);
  }

  /** Somebody else's write. */
  put(value: T): void {
    const [name = "", namespace] = this.#key.split("/").toReversed();
    const { metadata } = value as { readonly metadata?: object };
    const named = { ...metadata, name, ...(namespace === undefined ? {} : { namespace }) };
    // A copy, as JSON would make it.
    this.#server.put(this.#collection, JSON.parse(JSON.stringify({ ...value, metadata: named })) as FakeObject);
  }

  delete(): void {
    this.#server.delete(this.#collection, this.#key);
  }
}

export interface WebhookObjects {
  readonly client: KubeClient;
  readonly secret: Slot<V1Secret>;
  readonly validating: Slot<V1ValidatingWebhookConfiguration>;
  readonly mutating: Slot<V1MutatingWebhookConfiguration>;
  /** Called before each write. */
  beforeWrite: () => void;
  /** Called when a write was taken, before its answer has arrived. */
  afterWrite: () => void;
  /** Gives the message with which a request is refused; undefined: it is not. */
  refuse: (method: string, path: string) => string | undefined;
  readonly stop: () => Promise<void>;
}

/** A Kubernetes API that holds the webhook's three objects: the Secret `ns/cert` and the two configurations. */
export const webhookObjects = async (): Promise<WebhookObjects> => {
  const server = new FakeApiServer();
  await server.start();
  const client = server.client();
  const admission = "/apis/admissionregistration.k8s.io/v1";
  const objects: WebhookObjects = {
    client,
    secret: new Slot(server, "/api/v1/secrets", "ns/cert"),
    validating: new Slot(server, `${admission}/validatingwebhookconfigurations`, "image-security"),
    mutating: new Slot(server, `${admission}/mutatingwebhookconfigurations`, "image-security"),
    beforeWrite: () => undefined,
    afterWrite: () => undefined,
    refuse: () => undefined,
    stop: async () => {
      await client.close();
      await server.stop();
    },
  };
  server.faults.push((request, response, url) => {
    const method = request.method ?? "";
    const message = objects.refuse(method, url.pathname);
    if (message !== undefined) json(response, 403, { kind: "Status", code: 403, reason: "Forbidden", message });
    else if (method !== "GET") {
      objects.beforeWrite();
      // The server writes in this turn of the event loop.
      setImmediate(() => objects.afterWrite());
    }
    return message !== undefined;
  });
  return objects;
};
