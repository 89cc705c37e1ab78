import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type {
  ContentReason,
  Descriptor,
  Manifest,
  RepositoryReader,
} from "../../../../evidence/registry/repository.ts";
import { mergeReferrers } from "../../../../evidence/registry/referrers.ts";
import type { Outcome } from "../../../../policy/facts/outcome.ts";

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface LayerInput {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A file that `generate.sh` made with real cosign. */
export interface Fixture {
  readonly made: string;
  readonly repository: string;
  readonly digest: string;
  readonly publicKey: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly manifests: readonly { readonly mediaType: string; readonly bytes: string }[];
  readonly blobs: readonly string[];
}

export const readFixture = (name: string): Fixture =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/cosign/${name}.json`, import.meta.url), "utf8")) as Fixture;

type Call = "manifest" | "manifestByTag" | "blob" | "referrers" | "resolveTag";

/** A repository in memory, with everything counted, and with whatever a test lets fail. */
export class MemoryRepository implements RepositoryReader {
  readonly name: string;
  readonly scope: string;
  readonly calls: Record<Call, number> = { manifest: 0, manifestByTag: 0, blob: 0, referrers: 0, resolveTag: 0 };
  /** Descriptors of one page. */
  page = 100;
  /** What a call gives instead of its answer. */
  fail: (call: Call, what: string) => Exclude<Outcome<never, ContentReason>, { status: "verified" }> | undefined = () =>
    undefined;
  /** Runs before each answer. */
  wait: (call: Call) => Promise<void> = () => Promise.resolve();
  readonly manifests: Map<string, Manifest> = new Map();
  readonly blobs: Map<string, Uint8Array> = new Map();
  readonly tags: Map<string, string> = new Map();
  /** By subject, in the order of arrival. */
  readonly lists: Map<string, Descriptor[]> = new Map();

  constructor(name = "registry.example.com/app", scope = "anonymous") {
    this.name = name;
    this.scope = scope;
  }

  static of(...names: readonly string[]): MemoryRepository {
    const repository = new MemoryRepository();
    for (const name of names) repository.load(readFixture(name));
    return repository;
  }

  load(fixture: Fixture): void {
    for (const blob of fixture.blobs) this.putBlob(Buffer.from(blob, "base64"));
    for (const { mediaType, bytes } of fixture.manifests) this.putManifest(Buffer.from(bytes, "base64"), mediaType);
    for (const [tag, digest] of Object.entries(fixture.tags)) this.tags.set(tag, digest);
  }

  putBlob(bytes: Uint8Array): string {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  putManifest(bytes: Uint8Array, mediaType: string = OCI_MANIFEST): string {
    const digest = digestOf(bytes);
    const json = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<Manifest>;
    const manifest: Manifest = {
      digest,
      mediaType,
      size: bytes.length,
      bytes,
      layers: json.layers ?? [],
      manifests: json.manifests ?? [],
      annotations: json.annotations ?? {},
      ...(json.artifactType === undefined ? {} : { artifactType: json.artifactType }),
      ...(json.config === undefined ? {} : { config: json.config }),
      ...(json.subject === undefined ? {} : { subject: json.subject }),
    };
    this.manifests.set(digest, manifest);
    if (manifest.subject !== undefined) {
      // As the referrers API does: the manifest's own type, else its config's.
      const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
      this.list(manifest.subject.digest, {
        mediaType,
        digest,
        size: bytes.length,
        ...(artifactType === undefined ? {} : { artifactType }),
        annotations: manifest.annotations,
      });
    }
    return digest;
  }

  list(subject: string, descriptor: Descriptor): void {
    this.lists.set(subject, [...(this.lists.get(subject) ?? []), descriptor]);
  }

  /** An artifact with these layers, attached to a digest or under a tag. */
  put(
    layers: readonly LayerInput[],
    {
      subject,
      tag,
      artifactType,
      annotations,
    }: { subject?: string; tag?: string; artifactType?: string; annotations?: Record<string, string> },
  ): string {
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      ...(artifactType && { artifactType }),
      config: { mediaType: "application/vnd.oci.empty.v1+json", digest: this.putBlob(Buffer.from("{}")), size: 2 },
      layers: layers.map((layer) => ({
        mediaType: layer.mediaType,
        digest: this.putBlob(layer.bytes),
        size: layer.bytes.length,
        ...(layer.annotations && { annotations: layer.annotations }),
      })),
      ...(subject && { subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 } }),
      ...(annotations && { annotations }),
    };
    const digest = this.putManifest(Buffer.from(JSON.stringify(manifest)));
    if (tag !== undefined) this.tags.set(tag, digest);
    return digest;
  }

  async #answer<T>(
    call: Call,
    what: string,
    signal: AbortSignal,
    give: () => T | undefined,
  ): Promise<Outcome<T, ContentReason>> {
    this.calls[call] += 1;
    await this.wait(call);
    if (signal.aborted) return { status: "unavailable", cause: "timeout", message: "took too long" };
    const failure = this.fail(call, what);
    if (failure !== undefined) return failure;
    const value = give();
    return value === undefined ? { status: "absent", message: "is not there" } : { status: "verified", value };
  }

  resolveTag: RepositoryReader["resolveTag"] = (tag, signal) =>
    this.#answer("resolveTag", tag, signal, () => {
      const digest = this.tags.get(tag);
      return digest === undefined ? undefined : { mediaType: OCI_MANIFEST, digest, size: 1 };
    });
  manifest: RepositoryReader["manifest"] = (digest, signal) =>
    this.#answer("manifest", digest, signal, () => this.manifests.get(digest));
  manifestByTag: RepositoryReader["manifestByTag"] = (tag, signal) =>
    this.#answer("manifestByTag", tag, signal, () => this.manifests.get(this.tags.get(tag) ?? ""));
  blob: RepositoryReader["blob"] = async (digest, limit, signal) => {
    const outcome = await this.#answer("blob", digest, signal, () => this.blobs.get(digest));
    return outcome.status === "verified" && outcome.value.length > limit
      ? { status: "invalid", reason: "ImageMalformed", message: `is larger than ${limit} bytes` }
      : outcome;
  };

  referrers(digest: string, signal: AbortSignal): AsyncGenerator<Outcome<readonly Descriptor[], ContentReason>> {
    return mergeReferrers(this.#pages(digest, signal), digest, async () => {
      const manifest = this.manifests.get(this.tags.get(digest.replace(":", "-")) ?? "");
      return manifest === undefined
        ? { status: "absent", message: "is not there" }
        : { status: "verified", value: manifest };
    });
  }

  async *#pages(digest: string, signal: AbortSignal): AsyncGenerator<Outcome<readonly Descriptor[], ContentReason>> {
    const all = this.lists.get(digest) ?? [];
    for (let at = 0; at === 0 || at < all.length; at += this.page) {
      const page = await this.#answer("referrers", String(at), signal, () => all.slice(at, at + this.page));
      yield page;
      if (page.status !== "verified") return;
    }
  }
}
