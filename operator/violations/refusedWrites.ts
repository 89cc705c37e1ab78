import type { Log } from "../../kube/log.ts";
import type { KubeError } from "../../kube/kubeError.ts";

/**
 * Violations that the API server takes under no circumstances: of a namespace that goes away, or of a content that its schema
 * refuses. Each is asked for again when its content changes, or after `clear`.
 */
export class RefusedWrites {
  readonly #log: Log;
  readonly #what: string;
  /** Hash of the refused content by Violation key. */
  readonly #hashes = new Map<string, string>();
  /** Namespaces that the log has told, each once until `clear`. */
  readonly #told = new Set<string>();

  /** `what`: for the log. */
  constructor(log: Log, what = "Violation") {
    this.#log = log;
    this.#what = what;
  }

  /** `hash` is asked for only where something was refused under the key. */
  has(key: string, hash: () => string): boolean {
    const refused = this.#hashes.get(key);
    return refused !== undefined && refused === hash();
  }

  add(key: string, hash: string, { refusal, message }: KubeError): void {
    this.#hashes.set(key, hash);
    const [namespace = ""] = key.split("/");
    if (this.#told.has(namespace)) return;
    this.#told.add(namespace);
    if (refusal === "namespaceGone")
      this.#log.info(`${this.#what}s of a namespace that goes away are not written`, { namespace });
    else this.#log.warn(`the API server refuses a ${this.#what}`, { key, error: message });
  }

  forget(key: string): void {
    this.#hashes.delete(key);
  }

  clear(): void {
    this.#hashes.clear();
    this.#told.clear();
  }
}
