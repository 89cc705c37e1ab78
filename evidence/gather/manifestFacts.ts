import type { ManifestFacts, PlatformChild } from "../../policy/facts/facts.ts";
import type { Descriptor, Manifest } from "../registry/repository.ts";

// A cached manifest is asked for its facts again and again.
const known = new WeakMap<Manifest, ManifestFacts>();

/** What judging needs of a proven manifest. */
export function manifestFacts(manifest: Manifest): ManifestFacts {
  const before = known.get(manifest);
  if (before !== undefined) return before;
  const { digest, mediaType, size, annotations, config } = manifest;
  const facts: ManifestFacts = {
    digest,
    mediaType,
    size,
    annotations,
    platforms: platformChildren(manifest),
    ...(config === undefined ? {} : { configDigest: config.digest }),
  };
  known.set(manifest, facts);
  return facts;
}

/** The images of an index. `unknown/unknown` entries hold build attestations, and no node runs them. */
export const platformChildren = ({ manifests }: Manifest): readonly PlatformChild[] =>
  manifests.flatMap((child) => {
    const platform = platformName(child);
    return platform === "unknown/unknown" ? [] : [{ digest: child.digest, platform }];
  });

const platformName = ({ platform }: Descriptor): string =>
  [platform?.os ?? "unknown", platform?.architecture ?? "any", platform?.variant].filter(Boolean).join("/");
