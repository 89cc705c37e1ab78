import { ApiException, type CoreV1Api, type V1Secret } from "@kubernetes/client-node";
import { within } from "../../async/within.ts";
import type { Material } from "./material.ts";
import { renew } from "./renew.ts";
import { materialOf, secretWith } from "./secret.ts";

export interface CertificateStoreOptions {
  readonly api: Pick<CoreV1Api, "readNamespacedSecret" | "createNamespacedSecret" | "replaceNamespacedSecret">;
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
    const { api, namespace, name } = this.#options;
    try {
      return await within(api.readNamespacedSecret({ namespace, name }));
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return undefined;
      throw error;
    }
  }

  /** false: another replica was faster. */
  async #write(secret: V1Secret | undefined, material: Material): Promise<boolean> {
    const { api, namespace, name } = this.#options;
    try {
      if (secret === undefined) {
        const labels = { "app.kubernetes.io/name": "image-security", "app.kubernetes.io/component": "admission" };
        const body = secretWith({ type: "kubernetes.io/tls", metadata: { namespace, name, labels } }, material);
        await within(api.createNamespacedSecret({ namespace, body }));
      } else {
        await within(api.replaceNamespacedSecret({ namespace, name, body: secretWith(secret, material) }));
      }
      return true;
    } catch (error) {
      // 409: created or changed meanwhile; 404: deleted meanwhile.
      if (error instanceof ApiException && (error.code === 409 || error.code === 404)) return false;
      throw error;
    }
  }
}
