import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";

const MESSAGE = "its turn came too late: too much is being asked on behalf of this namespace";

const blamed = <O extends Outcome<unknown>>(outcome: O): O =>
  outcome.status === "unavailable" && outcome.cause === "timeout"
    ? { ...outcome, cause: "overloaded", message: `${outcome.message} (${MESSAGE})` }
    : outcome;

const each = <O extends Outcome<unknown>>(outcomes: ReadonlyMap<string, O>): ReadonlyMap<string, O> =>
  new Map([...outcomes].map(([key, outcome]) => [key, blamed(outcome)]));

const eachOfPlatforms = (platforms: NonNullable<ImageFacts["platforms"]>): NonNullable<ImageFacts["platforms"]> =>
  platforms.status === "verified"
    ? { ...platforms, value: platforms.value.map((one) => ({ ...one, attested: each(one.attested) })) }
    : blamed(platforms);

/**
 * The facts of somebody whose time was over because he stood in our queues: whatever was not told in time is our fault, and nothing that
 * `onUnavailable` may settle. Said once, at the end, for whoever wrote "timeout".
 */
export const blameQueues = (facts: ImageFacts): ImageFacts => {
  const { digest, tag, manifest, running, bases, configs, allAttested, platforms } = facts;
  return {
    ...facts,
    ...(digest === undefined ? {} : { digest: blamed(digest) }),
    ...(tag === undefined ? {} : { tag: blamed(tag) }),
    ...(manifest === undefined ? {} : { manifest: blamed(manifest) }),
    ...(running === undefined ? {} : { running: blamed(running) }),
    ...(bases === undefined ? {} : { bases: blamed(bases) }),
    ...(configs === undefined ? {} : { configs: each(configs) }),
    ...(allAttested === undefined ? {} : { allAttested: each(allAttested) }),
    ...(platforms === undefined ? {} : { platforms: eachOfPlatforms(platforms) }),
    signatures: each(facts.signatures),
    attestations: each(facts.attestations),
    scans: each(facts.scans),
  };
};
