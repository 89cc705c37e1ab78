import type { Descriptor } from "../../registry/repository.ts";
import { claimedTypes, formatOf, predicateHint, SIGN_PREDICATE } from "./formats.ts";

/** One manifest that refers to the image, as all lists together describe it. */
export interface Referrer {
  readonly digest: string;
  /** Looks like what is wanted: looked at first. */
  likely: boolean;
  /** A list knows its type; only the manifest knows that of the others, which are looked at last. */
  typed: boolean;
  /** The newest date that whoever pushed it wrote; good enough for an order. */
  created: string;
  /** Wanted predicate types that one of the lists says it is evidence of. */
  readonly claimed: Set<string>;
}

/** What is wanted of referrers. */
interface Wanted {
  readonly signatures: boolean;
  readonly predicateTypes: ReadonlySet<string>;
}

/**
 * Descriptors by the manifest that they name. A list may be anybody's (the fallback tag is a tag like any other), so nothing that one says
 * takes away what another says: what any of them calls a candidate is one.
 */
export class Referrers {
  readonly #byDigest = new Map<string, Referrer>();
  readonly #wanted: Wanted;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** Joins what a list says; gives those of the page that are candidates, each once. */
  add(descriptors: readonly Descriptor[]): readonly Referrer[] {
    const found = new Set<Referrer>();
    for (const { digest, artifactType, annotations } of descriptors) {
      const format = formatOf(artifactType);
      if (format === "other") continue;
      const one = this.#byDigest.get(digest) ?? {
        digest,
        likely: false,
        typed: false,
        created: "",
        claimed: new Set<string>(),
      };
      this.#byDigest.set(digest, one);
      found.add(one);
      one.likely ||= this.#looksWanted(predicateHint(annotations));
      one.typed ||= format !== "unspecific";
      const created = annotations?.["org.opencontainers.image.created"] ?? "";
      if (created > one.created) one.created = created;
      for (const type of claimedTypes(artifactType, annotations, this.#wanted.predicateTypes)) one.claimed.add(type);
    }
    return [...found];
  }

  get size(): number {
    return this.#byDigest.size;
  }

  /** All of them: what looks wanted first, what says nothing of itself last, the newest before older ones. */
  inOrder(): readonly Referrer[] {
    return [...this.#byDigest.values()].toSorted(mostPromisingFirst);
  }

  #looksWanted(type: string | undefined): boolean {
    if (type === undefined) return false;
    return type === SIGN_PREDICATE ? this.#wanted.signatures : this.#wanted.predicateTypes.has(type);
  }
}

export const mostPromisingFirst = (a: Referrer, b: Referrer): number =>
  Number(b.likely) - Number(a.likely) ||
  Number(b.typed) - Number(a.typed) ||
  (a.created < b.created ? 1 : a.created > b.created ? -1 : 0);
