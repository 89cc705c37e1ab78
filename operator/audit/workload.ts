import { KeyQueue } from "../../kube/workQueue/keyQueue.ts";

/**
 * The pods that wait to be judged, by pod key. What changed goes first, then what a changed policy may concern, then the complete audit;
 * each pod once, whatever the reasons, in the order of arrival, so that every pod has its turn under steady change.
 */
export class Workload {
  readonly #urgent = new KeyQueue();
  readonly #concerned = new KeyQueue();
  readonly #pass = new KeyQueue();

  /** The pod itself changed. */
  changed(key: string): void {
    this.#urgent.add(key);
  }

  /** A policy, a namespace or the time changed what may be said of the pod. */
  concerned(key: string): void {
    this.#concerned.add(key);
  }

  /** A complete audit looks at it. */
  pass(key: string): void {
    this.#pass.add(key);
  }

  /** The next one to judge, if `ready` says so; it waits no longer for any reason. */
  take(ready: (key: string) => boolean): string | undefined {
    for (const keys of [this.#urgent, this.#concerned, this.#pass]) {
      const key = keys.take(ready);
      if (key === undefined) continue;
      this.#urgent.delete(key);
      this.#concerned.delete(key);
      this.#pass.delete(key);
      return key;
    }
    return undefined;
  }

  size(): number {
    return this.#urgent.size + this.#concerned.size + this.#pass.size;
  }

  clear(): void {
    this.#urgent.clear();
    this.#concerned.clear();
    this.#pass.clear();
  }
}
