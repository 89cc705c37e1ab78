import { hash } from "node:crypto";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { digestTag } from "./digest.ts";
import { malformed } from "./failure.ts";
import type { ContentReason, Descriptor, Manifest } from "./repository.ts";

type Page = Outcome<readonly Descriptor[], ContentReason>;

/** The index under the fallback tag (distribution specification, "Referrers Tag Schema"); nothing where there is none. */
async function* fallback(
  digest: string,
  read: (tag: string) => Promise<Outcome<Manifest, ContentReason>>,
): AsyncGenerator<Page> {
  const outcome = await read(digestTag(digest));
  if (outcome.status === "absent") return;
  if (outcome.status !== "verified") yield outcome;
  // `cosign copy` of a digest leaves the image itself under this tag, which says nothing of referrers.
  else if (outcome.value.digest === digest) return;
  else if (outcome.value.config !== undefined)
    yield malformed(`${digestTag(digest)} is an image, not a list of referrers`);
  else yield { status: "verified", value: outcome.value.manifests };
}

const byName = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);

/** What a descriptor says that anybody reads. */
const wordsOf = ({ digest, mediaType, artifactType, annotations }: Descriptor): string =>
  JSON.stringify([digest, mediaType, artifactType, Object.entries(annotations ?? {}).toSorted(byName)]);

/**
 * Both places where referrers are listed, asked at the same time, each descriptor once. Some registries answer an empty list
 * while the fallback tag has content, so neither stands for the other; and one that hangs does not hold up the other. Where they
 * describe one manifest differently both are given: anybody may write the tag, and must not speak for the registry.
 */
export async function* mergeReferrers(
  pages: AsyncIterator<Page>,
  digest: string,
  read: (tag: string) => Promise<Outcome<Manifest, ContentReason>>,
): AsyncGenerator<Page> {
  const seen = new Set<string>();
  const sources = new Map<
    AsyncIterator<Page>,
    Promise<{ source: AsyncIterator<Page>; result: IteratorResult<Page> }>
  >();
  const advance = (source: AsyncIterator<Page>): void => {
    sources.set(
      source,
      source.next().then((result) => ({ source, result })),
    );
  };
  advance(pages);
  advance(fallback(digest, read));
  try {
    while (sources.size > 0) {
      const { source, result } = await Promise.race(sources.values());
      if (result.done === true) {
        sources.delete(source);
        continue;
      }
      advance(source);
      if (result.value.status !== "verified") {
        yield result.value;
        continue;
      }
      const fresh = result.value.value.filter((descriptor) => {
        const words = hash("sha256", wordsOf(descriptor), "base64url");
        if (seen.has(words)) return false;
        seen.add(words);
        return true;
      });
      if (fresh.length > 0) yield { status: "verified", value: fresh };
    }
  } finally {
    // The reader has enough, or went away.
    for (const source of sources.keys()) void source.return?.()?.catch(() => undefined);
  }
}
