import { LRUCache } from "lru-cache";
import { younger } from "../../async/younger.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { statusError } from "../../kube/kubeError.ts";
import { fieldsOf } from "../../json/fields.ts";
import { projectNamespace, type NamespaceRecord } from "./namespaces.ts";

/** Milliseconds for which an answer serves, "there is none" too: a namespace that is newer than the cache is in it long before. */
const FRESH = 1_000;
/** Milliseconds for one read; the rest of a review's time is for evidence. */
const PATIENCE = 2_000;
/** Reads on their way, and reads begun in a second. Namespaces are made one by one; only made-up ones come in crowds. */
const AT_ONCE = 16;
const PER_SECOND = 50;
/** Answers that are kept: what can be read within their time, and more. */
const KEPT = 256;

/** RFC 1123: what else could a namespace be called? */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

interface Answer {
  readonly labels: NamespaceRecord | undefined;
  readonly at: number;
}

/**
 * Labels of namespaces that the cache does not have, read live. A review that names a namespace costs its sender nothing, so one answer
 * serves for a second, however many ask share one read, and the reads are bounded in number. Rejects where the labels could not be had:
 * then every policy with a namespace selector applies.
 */
export class NamespaceReads {
  readonly #client: KubeClient;
  readonly #clock: () => number;
  readonly #answers = new LRUCache<string, Answer>({ max: KEPT });
  readonly #flights = new Map<string, Promise<NamespaceRecord | undefined>>();
  #second = Number.NEGATIVE_INFINITY;
  #begun = 0;

  /** `clock` in milliseconds, monotonic. */
  constructor(client: KubeClient, clock: () => number = () => performance.now()) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The labels; undefined where there is no such namespace. */
  async get(name: string): Promise<NamespaceRecord | undefined> {
    if (!NAME.test(name)) return undefined;
    const now = this.#clock();
    const kept = this.#answers.get(name);
    if (kept !== undefined && younger(kept.at, now, FRESH)) return kept.labels;
    return this.#flights.get(name) ?? this.#start(name, now);
  }

  async #start(name: string, now: number): Promise<NamespaceRecord | undefined> {
    if (!younger(this.#second, now, 1_000)) {
      this.#second = now;
      this.#begun = 0;
    }
    if (this.#flights.size >= AT_ONCE || this.#begun >= PER_SECOND)
      throw new Error("too many namespaces that are not in the cache are asked for at one time");
    this.#begun += 1;
    const flight = this.#read(name);
    this.#flights.set(name, flight);
    try {
      const labels = await flight;
      this.#answers.set(name, { labels, at: this.#clock() });
      return labels;
    } finally {
      this.#flights.delete(name);
    }
  }

  async #read(name: string): Promise<NamespaceRecord | undefined> {
    const path = `/api/v1/namespaces/${encodeURIComponent(name)}`;
    const response = await this.#client.request("GET", path, { signal: AbortSignal.timeout(PATIENCE) });
    if (response.status === 404) return undefined;
    if (response.status !== 200 || fieldsOf(response.body)["kind"] !== "Namespace")
      throw statusError("GET", path, response);
    return projectNamespace(response.body);
  }
}
