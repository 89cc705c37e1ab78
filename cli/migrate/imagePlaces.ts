import { isAlias, isMap, isScalar, isSeq, type Document, type Node, type Pair, type Scalar, type YAMLMap } from "yaml";

/** A scalar of a document, and where its source text begins and ends. */
export interface SourceScalar {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A place of a file that says which image is to run; what can be pinned. */
export type ImagePlace =
  /** One string, as in pods: `nginx:1.21`. */
  | { readonly type: "reference"; readonly image: SourceScalar }
  /** An entry of a kustomization's `images`: the tag has a key of its own, and the digest another. */
  | { readonly type: "kustomize"; readonly name: string; readonly key: SourceScalar; readonly tag: SourceScalar }
  /** A repository and its tag, as charts take them in their values; `digest` where the chart has that key. */
  | { readonly type: "values"; readonly name: string; readonly tag: SourceScalar; readonly digest?: SourceScalar };

/** A place that says an image, but not in a way that a digest could be written to. */
export interface UnfitPlace {
  readonly start: number;
  readonly image: string;
  readonly why: string;
}

export interface PlacesFound {
  readonly places: readonly ImagePlace[];
  readonly unfit: readonly UnfitPlace[];
}

/**
 * Every image of one document: manifests (whatever their kind: containers of all three kinds and image volumes, also those of pod
 * templates in resources of others), kustomizations, and the values of charts. `isKustomization`: the file's name says so.
 */
export const imagePlaces = (document: Document, isKustomization: boolean): PlacesFound => {
  const finder = new Finder(document);
  const root = document.contents;
  const kind = isMap(root) ? textOf(root, "kind") : undefined;
  if (isKustomization || kind === "Kustomization" || kind === "Component") finder.kustomization(root);
  else if (kind !== undefined && isMap(root) && root.has("apiVersion")) finder.manifest(root);
  else finder.values(root);
  return { places: finder.places, unfit: finder.unfit };
};

const CONTAINERS: ReadonlySet<string> = new Set(["containers", "initContainers", "ephemeralContainers"]);

class Finder {
  readonly places: ImagePlace[] = [];
  readonly unfit: UnfitPlace[] = [];
  readonly #document: Document;
  /** An anchor's scalar stands once, however many aliases name it. */
  readonly #seen = new Set<number>();

  constructor(document: Document) {
    this.#document = document;
  }

  kustomization(root: unknown): void {
    const images = isMap(root) ? root.get("images", true) : undefined;
    if (!isSeq(images)) return;
    for (const entry of images.items) {
      if (!isMap(entry) || textOf(entry, "digest") !== undefined) continue;
      const name = textOf(entry, "newName") ?? textOf(entry, "name");
      const pair = pairOf(entry, "newTag");
      const key = pair === undefined ? undefined : this.#scalar(pair.key);
      const tag = pair === undefined ? undefined : this.#scalar(pair.value);
      if (name === undefined || key === undefined || tag === undefined) continue;
      if (this.#isNew(tag)) this.places.push({ type: "kustomize", name, key, tag });
    }
  }

  manifest(node: unknown): void {
    if (isSeq(node)) for (const item of node.items) this.manifest(item);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? key.value : undefined;
      if (typeof name === "string" && CONTAINERS.has(name) && isSeq(value)) {
        for (const item of value.items) if (isMap(item)) this.#reference(item.get("image", true));
      } else if (name === "volumes" && isSeq(value)) {
        for (const item of value.items) {
          const image = isMap(item) ? item.get("image", true) : undefined;
          if (isMap(image)) this.#reference(image.get("reference", true));
        }
      } else this.manifest(value);
    }
  }

  values(node: unknown): void {
    if (isSeq(node)) for (const item of node.items) this.values(item);
    if (!isMap(node)) return;
    if (this.#pair(node)) return;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? key.value : undefined;
      if (typeof name === "string" && /(?:^i|I)mage$/.test(name) && (isScalar(value) || isAlias(value)))
        this.#reference(value);
      else this.values(value);
    }
  }

  /** `repository` with `tag`, or `image` with `tag` where the image has none itself. */
  #pair(map: YAMLMap): boolean {
    const repository = textOf(map, "repository") ?? textOf(map, "image");
    if (repository === undefined || repository === "" || !map.has("tag")) return false;
    const registry = textOf(map, "registry") ?? "";
    const name = registry === "" ? repository : `${registry}/${repository}`;
    const tag = this.#scalar(map.get("tag", true));
    const digest = map.has("digest") ? this.#scalar(map.get("digest", true)) : undefined;
    if (digest !== undefined && isWritten(digest)) return true;
    if (tag === undefined) return true;
    if (!isWritten(tag)) {
      this.unfit.push({ start: tag.start, image: name, why: "has no tag of its own; the chart's appVersion decides" });
      return true;
    }
    if (this.#isNew(tag)) this.places.push({ type: "values", name, tag, ...(digest === undefined ? {} : { digest }) });
    return true;
  }

  #reference(node: unknown): void {
    const image = this.#scalar(node);
    if (image !== undefined && isWritten(image) && this.#isNew(image)) this.places.push({ type: "reference", image });
  }

  /** A plain or quoted scalar, an alias' own one for an alias. Block scalars and what is no text are none. */
  #scalar(node: unknown): SourceScalar | undefined {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (!isScalar(target) || !target.range) return undefined;
    const [start, end] = target.range;
    if (target.type === "BLOCK_FOLDED" || target.type === "BLOCK_LITERAL") {
      this.unfit.push({ start, image: String(target.value).trim(), why: "is a block scalar; write it in one line" });
      return undefined;
    }
    return { text: writtenOf(target), start, end };
  }

  #isNew({ start }: SourceScalar): boolean {
    if (this.#seen.has(start)) return false;
    this.#seen.add(start);
    return true;
  }
}

/** `tag: 1.20` is a number to YAML, and 1.2 then: what was written is meant. */
const writtenOf = ({ value, source }: Scalar): string =>
  typeof value === "string" ? value : value === null ? "" : (source ?? JSON.stringify(value));

const isWritten = ({ text }: SourceScalar): boolean => text !== "";

const pairOf = (map: YAMLMap, name: string): Pair<Node, Node> | undefined =>
  // A parsed document has nodes for keys and values.
  map.items.find(({ key }) => isScalar(key) && key.value === name) as Pair<Node, Node> | undefined;

const textOf = (map: YAMLMap, name: string): string | undefined => {
  const node = map.get(name, true);
  const text = isScalar(node) ? writtenOf(node) : undefined;
  return text === "" ? undefined : text;
};
