/**
 * Loaded before the tests of a group. All of its mutants are tried in one process, whose modules stay: an answer that a module remembers
 * from before would hide the next mutant from the tests, or hand it the last one's fault. Each test begins with empty caches here, which
 * also shows every test that goes through a place, and not only the first.
 */
import { LRUCache } from "lru-cache";

const caches = new Set<LRUCache<object, object>>();
// oxlint-disable-next-line typescript/unbound-method -- called with `this` below
const { set } = LRUCache.prototype;
LRUCache.prototype.set = function (...given): typeof this {
  caches.add(this);
  return set.apply(this, given);
};

const { WeakMap: Plain } = globalThis;
const weakMaps = new Set<ClearableWeakMap>();

/** Of whatever is made while one of our modules is loaded, and not while it runs; libraries keep their private state in such maps. */
const isOfOurModule = (stack: string): boolean => {
  const [, , maker = "", caller = ""] = stack.split("\n");
  return !maker.includes("/node_modules/") && maker.includes("file://") && /ModuleJob(?:Sync)?\.run/.test(caller);
};

class ClearableWeakMap extends Plain<object, unknown> {
  #kept = new Plain<object, unknown>();

  constructor(entries?: Iterable<readonly [object, unknown]> | null) {
    super();
    for (const [key, value] of entries ?? []) this.set(key, value);
    if (isOfOurModule(new Error("made here").stack ?? "")) weakMaps.add(this);
  }

  clear(): void {
    this.#kept = new Plain();
  }

  override get(key: object): unknown {
    return this.#kept.get(key);
  }

  override has(key: object): boolean {
    return this.#kept.has(key);
  }

  override set(key: object, value: unknown): this {
    this.#kept.set(key, value);
    return this;
  }

  override delete(key: object): boolean {
    return this.#kept.delete(key);
  }
}
globalThis.WeakMap = ClearableWeakMap;

beforeEach(() => {
  for (const cache of caches) cache.clear();
  caches.clear();
  for (const weakMap of weakMaps) weakMap.clear();
});
