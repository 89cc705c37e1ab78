import { createHash } from "node:crypto";
import type { UnavailableCause } from "../../../policy/facts/outcome.ts";
import type { Descriptor, Manifest, RepositoryReader } from "../../registry/repository.ts";
import { kindOf, type Candidate, type Kind, type SignatureAnnotations } from "./candidate.ts";
import type { Effort } from "./effort.ts";
import {
  DSSE_ENVELOPE,
  formatOf,
  isBundleType,
  LIMITS,
  SIGN_PREDICATE,
  SIMPLE_SIGNING,
  tagOf,
  type Format,
} from "./formats.ts";
import { Gate } from "../../../async/gate.ts";

/** What is looked for about a digest in one repository. */
export interface Search {
  readonly repository: RepositoryReader;
  readonly digest: string;
  /** Whether image signatures are wanted. */
  readonly signatures: boolean;
  /** Attestations of these types are wanted; their descriptors' hints come first. */
  readonly predicateTypes: ReadonlySet<string>;
  /** All that was attested is needed, of more than can be proved the newest: no page is looked into before all are listed. */
  readonly whole: boolean;
  readonly effort: Effort;
  readonly signal: AbortSignal;
}

/** Something that has the form of a signature, before its bytes are fetched. */
export interface Found {
  /** Equal ids are equal candidates, wherever they were found. */
  readonly id: string;
  readonly format: Format;
  readonly kind: Kind;
  /** Fetches the bytes. */
  readonly load: () => Promise<Loaded>;
}

export type Loaded =
  | { readonly status: "loaded"; readonly candidate: Candidate }
  | { readonly status: "broken"; readonly message: string }
  | { readonly status: "gone" }
  | Trouble;

/** A place that could not be read: something may be there. */
export interface Trouble {
  readonly status: "unavailable";
  readonly cause: UnavailableCause;
  readonly message: string;
}

export interface Visitor {
  /** Asked for each candidate once, several at a time. */
  readonly visit: (found: Found) => Promise<void>;
  readonly trouble: (kind: Kind, trouble: Trouble) => void;
  /** A place that answered what it must not: a limit or a format is broken. */
  readonly broken: (kind: Kind, message: string) => void;
}

/** Candidates that are fetched and examined at the same time; each may be 10 MiB. */
const AT_ONCE = 8;
/** Layers of one manifest that are looked at, the newest (last) first. */
const MAX_LAYERS = 1024;

/**
 * Looks in every place where signatures are kept, all at once: cosign's tags, and what refers to the digest. What is no
 * candidate by its type is passed over unread, so that junk costs a descriptor; of the rest those come first that
 * look right, but a hint only orders and never leaves out. Ends with the signal; never rejects.
 */
export const search = async (wanted: Search, visitor: Visitor): Promise<void> => {
  const walk = new Walk(wanted, visitor);
  await Promise.all([
    wanted.signatures ? walk.tag("sig") : undefined,
    wanted.predicateTypes.size > 0 ? walk.tag("att") : undefined,
    walk.referrers(),
  ]);
  await walk.finished();
};

class Walk {
  readonly #wanted: Search;
  readonly #visitor: Visitor;
  readonly #gate = new Gate(AT_ONCE);
  readonly #seen = new Set<string>();

  constructor(wanted: Search, visitor: Visitor) {
    this.#wanted = wanted;
    this.#visitor = visitor;
  }

  finished(): Promise<void> {
    return this.#gate.empty();
  }

  async tag(suffix: "sig" | "att"): Promise<void> {
    const { repository, digest, signal } = this.#wanted;
    const tag = tagOf(digest, suffix);
    if (tag === undefined) return;
    const kind = suffix === "sig" ? "signature" : "attestation";
    const outcome = await repository.manifestByTag(tag, signal);
    if (outcome.status === "verified") await this.#visitLayers(outcome.value, "legacy");
    else if (outcome.status === "unavailable") this.#visitor.trouble(kind, outcome);
    else if (outcome.status === "invalid") this.#visitor.broken(kind, `cannot be read: ${outcome.message}`);
  }

  async referrers(): Promise<void> {
    const { repository, digest, signal } = this.#wanted;
    const first: Descriptor[] = [];
    const later: Descriptor[] = [];
    for await (const page of repository.referrers(digest, signal)) {
      if (page.status === "unavailable") this.#visitor.trouble("either", page);
      if (page.status === "invalid") this.#visitor.broken("either", `cannot be read: ${page.message}`);
      if (page.status !== "verified") continue;
      this.#wanted.effort.listed(page.value.length);
      const ours = page.value.filter(({ artifactType }) => formatOf(artifactType) !== "other");
      const { likely = [], unlikely = [] } = Object.groupBy(ours, (descriptor) =>
        this.#looksWanted(descriptor) ? "likely" : "unlikely",
      );
      if (this.#wanted.whole) first.push(...likely);
      else for (const descriptor of likely.toSorted(newestFirst)) await this.#referrer(descriptor);
      later.push(...unlikely);
      if (signal.aborted) return;
    }
    for (const descriptor of first.toSorted(newestFirst)) await this.#referrer(descriptor);
    const typed = later.filter(({ artifactType }) => formatOf(artifactType) !== "unspecific");
    const untyped = later.filter(({ artifactType }) => formatOf(artifactType) === "unspecific");
    for (const descriptor of [...typed.toSorted(newestFirst), ...untyped]) await this.#referrer(descriptor);
  }

  #looksWanted({ annotations }: Descriptor): boolean {
    const type = annotations?.["dev.sigstore.bundle.predicateType"];
    if (type === undefined) return false;
    return type === SIGN_PREDICATE ? this.#wanted.signatures : this.#wanted.predicateTypes.has(type);
  }

  async #referrer(descriptor: Descriptor): Promise<void> {
    const { repository, signal } = this.#wanted;
    if (signal.aborted) return;
    await this.#gate.run(async () => {
      this.#wanted.effort.tried();
      const outcome = await repository.manifest(descriptor.digest, signal);
      if (outcome.status === "unavailable") this.#visitor.trouble("either", outcome);
      // A referrer that hangs in the air or holds nothing that could be read is no candidate.
      if (outcome.status !== "verified") return;
      const format = formatOf(outcome.value.artifactType ?? descriptor.artifactType);
      await this.#visitLayers(outcome.value, format === "bundle" ? "bundle" : "experimental", true);
    });
  }

  /** `inside`: the caller holds a place in the gate already. */
  async #visitLayers({ layers }: Manifest, format: Format, inside = false): Promise<void> {
    const candidates = layers.slice(-MAX_LAYERS).toReversed();
    for (const layer of candidates) {
      if (this.#wanted.signal.aborted) return;
      const found = this.#found(layer, format);
      if (found === undefined || this.#seen.has(found.id)) continue;
      this.#seen.add(found.id);
      this.#wanted.effort.tried();
      if (inside) await this.#visitor.visit(found);
      else await this.#gate.run(() => this.#visitor.visit(found));
    }
  }

  #found(layer: Descriptor, format: Format): Found | undefined {
    const type = typeOf(layer.mediaType);
    if (type === undefined) return undefined;
    if (type === "simpleSigning" && !this.#wanted.signatures) return undefined;
    if (type === "envelope" && this.#wanted.predicateTypes.size === 0) return undefined;
    const annotations = type === "bundle" ? {} : annotationsOf(layer);
    const id = createHash("sha256")
      .update(JSON.stringify([type, layer.digest, annotations]))
      .digest("hex");
    const kept = type === "bundle" ? "bundle" : format;
    return {
      id,
      format: kept,
      kind: kindOf(type),
      load: () => this.#load(layer, { id, format: kept, type, annotations }),
    };
  }

  async #load(layer: Descriptor, parts: Omit<Candidate, "bytes">): Promise<Loaded> {
    const { repository, signal, effort } = this.#wanted;
    const { annotations } = parts;
    if (layer.size > LIMITS.blob) return { status: "broken", message: "is larger than 10 MiB" };
    if (Object.values(annotations).some((text: string) => text.length > LIMITS.annotation))
      return { status: "broken", message: "has an annotation that is too large" };
    // Before it has come: what is still on its way when the time is over took that time, too. Its descriptor says how much
    // it is, and more is not read.
    effort.read(layer.size);
    const outcome = await repository.blob(layer.digest, layer.size, signal);
    switch (outcome.status) {
      case "verified":
        return { status: "loaded", candidate: { ...parts, bytes: outcome.value } };
      case "absent":
        return { status: "gone" };
      case "invalid":
        return { status: "broken", message: outcome.message };
      case "unavailable":
        return outcome;
    }
  }
}

const typeOf = (mediaType: string): Candidate["type"] | undefined => {
  if (mediaType === SIMPLE_SIGNING) return "simpleSigning";
  if (mediaType === DSSE_ENVELOPE) return "envelope";
  return isBundleType(mediaType) ? "bundle" : undefined;
};

const annotationsOf = ({ annotations = {} }: Descriptor): SignatureAnnotations => {
  const text = (name: string): string | undefined => {
    const value = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
    return value === "" ? undefined : value;
  };
  const signature = text("dev.cosignproject.cosign/signature");
  const certificate = text("dev.sigstore.cosign/certificate");
  const bundle = text("dev.sigstore.cosign/bundle");
  const timestamp = text("dev.sigstore.cosign/rfc3161timestamp");
  return {
    ...(signature !== undefined && { signature }),
    ...(certificate !== undefined && { certificate }),
    ...(bundle !== undefined && { bundle }),
    ...(timestamp !== undefined && { timestamp }),
  };
};

/** By the date that whoever pushed it wrote; good enough for an order. */
const newestFirst = (a: Descriptor, b: Descriptor): number => {
  const [x, y] = [a, b].map(({ annotations }) => annotations?.["org.opencontainers.image.created"] ?? "");
  return (x ?? "") < (y ?? "") ? 1 : (x ?? "") > (y ?? "") ? -1 : 0;
};
