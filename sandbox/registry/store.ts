import { digestOf } from "./content/digest.ts";
import { readManifest, type ManifestContent } from "./content/manifest.ts";

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly content: ManifestContent;
}

/** What one repository holds. */
export interface StoredRepository {
  readonly blobs: Map<string, Uint8Array>;
  /** By digest, in the order of arrival. */
  readonly manifests: Map<string, StoredManifest>;
  /** Tag to manifest digest. */
  readonly tags: Map<string, string>;
}

/**
 * All content of the registry, in memory. It checks nothing: what a push may store is the endpoints' affair, and tests
 * put here what no registry would take.
 */
export class Store {
  readonly repositories: Map<string, StoredRepository> = new Map();

  repository(name: string): StoredRepository | undefined {
    return this.repositories.get(name);
  }

  /** The repository, made where there is none. */
  open(name: string): StoredRepository {
    let repository = this.repositories.get(name);
    if (repository === undefined) {
      repository = { blobs: new Map(), manifests: new Map(), tags: new Map() };
      this.repositories.set(name, repository);
    }
    return repository;
  }

  /** Stores a blob under its digest, or under `digest`, which may then be a lie. */
  putBlob(name: string, bytes: Uint8Array, digest: string = digestOf(bytes)): string {
    this.open(name).blobs.set(digest, bytes);
    return digest;
  }

  /** Stores a manifest under its digest, or under `digest`, which may then be a lie, and moves the tags to it. */
  putManifest(
    name: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest?: string },
    ...tags: readonly string[]
  ): string {
    const { bytes, mediaType, digest = digestOf(bytes) } = manifest;
    const repository = this.open(name);
    repository.manifests.set(digest, { digest, mediaType, bytes, content: readManifest(bytes) ?? {} });
    for (const tag of tags) repository.tags.set(tag, digest);
    return digest;
  }

  /** Points a tag at a digest, whether or not it is there. */
  tag(name: string, tag: string, digest: string): void {
    this.open(name).tags.set(tag, digest);
  }

  /** By tag or digest. */
  manifest(name: string, reference: string): StoredManifest | undefined {
    const repository = this.repository(name);
    return repository?.manifests.get(repository.tags.get(reference) ?? reference);
  }

  /** The manifests whose subject is `digest`, in the order of arrival. */
  referrers(name: string, digest: string): readonly StoredManifest[] {
    const manifests = this.repository(name)?.manifests.values() ?? [];
    return [...manifests].filter(({ content }) => content.subject?.digest === digest);
  }

  /** Removes a manifest and every tag that names it. */
  deleteManifest(name: string, digest: string): boolean {
    const repository = this.repository(name);
    if (repository === undefined || !repository.manifests.delete(digest)) return false;
    for (const [tag, named] of repository.tags) if (named === digest) repository.tags.delete(tag);
    return true;
  }
}
