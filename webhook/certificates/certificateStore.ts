import type { V1Secret } from "@kubernetes/client-node";
import { expectStatus, getObject } from "../../kube/expectStatus.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { LABELS } from "../configurations/generate.ts";
import type { Material } from "./material.ts";
import { renew } from "./renew.ts";
import { materialOf, secretWith } from "./secret.ts";

export interface CertificateStoreOptions {
  readonly client: Pick<KubeClient, "request">;
  readonly namespace: string;
  /** Of the Secret. */
  readonly name: string;
  /** DNS names and IP addresses that the API server may use. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** How often another replica may be faster before the next round has to do. */
const ATTEMPTS = 5;
/** Milliseconds of one request. */
const TIMEOUT = 10_000;

/**
 * The webhook's certificates in a Secret that all replicas share. Whoever sees that something is due renews it, with the
 * `resourceVersion` it read; whoever comes second reads what the first one wrote.
 */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  /** What this replica saw last: goes on being trusted where the Secret was deleted. */
  #last: Material | undefined;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
  }

  /** The material in force, read from the Secret and renewed where it is due. Rejects where the API server does not let it. */
  async sync(): Promise<Material> {
    for (let attempt = 1; ; attempt += 1) {
      const secret = await this.#read();
      const found = secret && materialOf(secret);
      const material = await renew(found ?? this.#retired(), this.#options.names, this.#options.now());
      if (material === found || (await this.#write(secret, material))) {
        this.#last = material;
        return material;
      }
      if (attempt === ATTEMPTS)
        throw new Error(
          `Secret ${this.#options.namespace}/${this.#options.name} changes faster than it can be written`,
        );
    }
  }

  /** A Secret that is gone or broken asks for a new authority; that which connections were made with stays trusted for a while. */
  #retired(): Material | undefined {
    return this.#last && { ...this.#last, authority: { ...this.#last.authority, key: "" } };
  }

  async #read(): Promise<V1Secret | undefined> {
    // The API server holds Secrets to their schema; what stands in them is checked by who reads it.
    return (await getObject(this.#options.client, this.#path(), { timeout: TIMEOUT })) as V1Secret | undefined;
  }

  /** false: another replica was faster. */
  async #write(secret: V1Secret | undefined, material: Material): Promise<boolean> {
    const { client, namespace, name } = this.#options;
    const made = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { namespace, name, labels: LABELS },
    };
    const body = secretWith(secret ?? made, material);
    // 409: created or changed meanwhile; 404: deleted meanwhile.
    const statuses = [200, 201, 404, 409];
    const { status } =
      secret === undefined
        ? await expectStatus(client, statuses, "POST", this.#collection(), { body, timeout: TIMEOUT })
        : await expectStatus(client, statuses, "PUT", this.#path(), { body, timeout: TIMEOUT });
    return status < 400;
  }

  #collection(): string {
    return `/api/v1/namespaces/${this.#options.namespace}/secrets`;
  }

  #path(): string {
    return `${this.#collection()}/${this.#options.name}`;
  }
}
