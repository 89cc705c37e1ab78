import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { ProvidedFacts } from "../provider.ts";

/**
 * The facts of an image with what a provider adds: only what providers may know, never the digest, nor what the registry said of it.
 */
export const mergeFacts = (before: ImageFacts, more: ProvidedFacts): ImageFacts => {
  const platforms = joinPlatforms(before.platforms, more.platforms);
  return {
    ...before,
    signatures: joined(before.signatures, more.signatures),
    attestations: joined(before.attestations, more.attestations),
    ...(more.allAttested === undefined
      ? {}
      : { allAttested: joined(before.allAttested ?? new Map(), more.allAttested) }),
    ...(platforms === undefined ? {} : { platforms }),
    scans: joined(before.scans, more.scans),
    ...(more.configs === undefined ? {} : { configs: joined(before.configs ?? new Map(), more.configs) }),
    ...(more.runsAlready === undefined ? {} : { runsAlready: more.runsAlready }),
    ...(more.bases === undefined ? {} : { bases: known(before.bases, more.bases) }),
  };
};

/** The newer answer; but what a class of policies was told stays told, though the next could not be told it any more. */
const known = <O extends { readonly status: string }>(before: O | undefined, more: O): O =>
  before !== undefined && more.status === "unavailable" ? before : more;

/**
 * Each class of policies asks of all children what it wants to know of them. What the first of them could not be told, nobody was; what only
 * a later one could not be told leaves the first its answer.
 */
export const joinPlatforms = (
  before: ImageFacts["platforms"],
  more: ImageFacts["platforms"],
): ImageFacts["platforms"] => {
  if (more === undefined || before?.status !== "verified") return before ?? more;
  if (more.status !== "verified") return more.status === "unavailable" ? before : more;
  const attested = new Map(before.value.map((one) => [one.digest, one.attested]));
  const value = more.value.map((one) => ({
    ...one,
    attested: joined(attested.get(one.digest) ?? new Map(), one.attested),
  }));
  return { status: "verified", value };
};

const joined = <O extends { readonly status: string }>(
  before: ReadonlyMap<string, O>,
  more: ReadonlyMap<string, O> | undefined,
): ReadonlyMap<string, O> => {
  if (more === undefined || more.size === 0) return before;
  if (before.size === 0) return more;
  const all = new Map(before);
  for (const [key, outcome] of more) all.set(key, known(before.get(key), outcome));
  return all;
};
