import { LAYERS, uncoveredLayers, type Layer } from "../../policy/layers.ts";
import type { PodContent } from "../cluster/pods.ts";
import type { PolicySet } from "../policies/policySet.ts";
import type { PodCase } from "./judge.ts";

/** An image of a pod, and where nothing stands in its way: layers that no `deny` policy covers, or admission altogether. */
export interface Gap {
  readonly image: string;
  readonly layers: readonly Layer[] | "notAsked";
}

/** What is not covered of a pod, each image once. Shared between pods of the same content. */
export type Gaps = readonly Gap[];

const COVERED: Gaps = Object.freeze([]);

export interface NamespaceGaps {
  readonly namespace: string;
  readonly layer: Layer;
  readonly images: number;
}

/** Which images run that no `deny` policy covers, kept up to date with every pod that is judged. */
export interface Coverage {
  readonly gapsOf: (pod: PodCase) => Gaps;
  /** Adds (1) or takes away (-1) what a pod leaves open. */
  readonly change: (namespace: string, gaps: Gaps, by: 1 | -1) => void;
  /** Distinct images, as pods name them, by every layer. */
  readonly images: () => ReadonlyMap<Layer, number>;
  /** Only what is not zero. */
  readonly byNamespace: () => readonly NamespaceGaps[];
  /** Distinct images in namespaces that admission leaves out. */
  readonly notAsked: () => number;
  readonly reset: () => void;
}

/** @param leftOut names the namespaces that admission leaves out: what policies say of them only audits see. */
export function createCoverage(leftOut: ReadonlySet<string>): Coverage {
  let memo = new WeakMap<PodContent, Map<string, Gaps>>();
  let memoSet: PolicySet | undefined;
  const cluster = new DistinctImages();
  const namespaces = new Map<string, DistinctImages>();

  return {
    gapsOf: ({ pod: { content, namespace }, subject, matching, set, key }) => {
      if (set !== memoSet) {
        memo = new WeakMap();
        memoSet = set;
      }
      const ofContent = memo.get(content) ?? new Map<string, Gaps>();
      const known = ofContent.get(key);
      if (known !== undefined) return known;
      const gaps: Gap[] = [];
      for (const image of new Map(subject.images.map((use) => [use.image, use])).values()) {
        const layers = leftOut.has(namespace) ? "notAsked" : uncoveredLayers(matching, subject, image);
        if (layers.length > 0) gaps.push({ image: image.image, layers });
      }
      const fresh = gaps.length === 0 ? COVERED : gaps;
      memo.set(content, ofContent.set(key, fresh));
      return fresh;
    },
    change: (namespace, gaps, by) => {
      if (gaps.length === 0) return;
      const inNamespace = namespaces.get(namespace) ?? new DistinctImages();
      for (const gap of gaps) {
        cluster.change(gap, by);
        inNamespace.change(gap, by);
      }
      if (inNamespace.isEmpty()) namespaces.delete(namespace);
      else namespaces.set(namespace, inNamespace);
    },
    images: () => new Map(LAYERS.map((layer, index) => [layer, cluster.totals[index] ?? 0])),
    byNamespace: () =>
      [...namespaces].flatMap(([namespace, { totals }]) =>
        LAYERS.map((layer, index) => ({ namespace, layer, images: totals[index] ?? 0 })).filter(
          ({ images }) => images > 0,
        ),
      ),
    notAsked: () => cluster.totals[LAYERS.length] ?? 0,
    reset: () => {
      cluster.clear();
      namespaces.clear();
    },
  };
}

/** Counts images, each once however many pods have it. The last place is for those that admission is not asked about. */
class DistinctImages {
  readonly #pods = new Map<string, Uint32Array>();
  readonly totals: number[] = Array.from({ length: LAYERS.length + 1 }, () => 0);

  change({ image, layers }: Gap, by: 1 | -1): void {
    const pods = this.#pods.get(image) ?? new Uint32Array(this.totals.length);
    const places = layers === "notAsked" ? [LAYERS.length] : layers.map((layer) => LAYERS.indexOf(layer));
    for (const place of places) {
      const before = pods[place] ?? 0;
      pods[place] = before + by;
      if (before === 0 || pods[place] === 0) this.totals[place] = (this.totals[place] ?? 0) + by;
    }
    if (pods.every((count) => count === 0)) this.#pods.delete(image);
    else this.#pods.set(image, pods);
  }

  isEmpty(): boolean {
    return this.#pods.size === 0;
  }

  clear(): void {
    this.#pods.clear();
    this.totals.fill(0);
  }
}
