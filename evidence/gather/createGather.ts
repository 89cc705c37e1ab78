import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { NO_FACTS, type ImageFacts } from "../../policy/facts/facts.ts";
import type { EnforcementAction } from "../../policy/finding/finding.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { parseReference, type Reference } from "../../policy/image/reference.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { Asker } from "../../async/shares/asker.ts";
import { Asking, onBehalfOf } from "../../async/shares/party.ts";
import type { Keychain, Keychains } from "../registry/auth/keychain.ts";
import type { FactContext, FactProvider, Gather, GatherRequest, ProvidedFacts, ResolveDigest } from "../provider.ts";
import type { LookAgain } from "../lookAgain.ts";
import { blameQueues } from "./heldUp.ts";
import { manifestFacts } from "./manifestFacts.ts";
import { mergeFacts } from "./mergeFacts.ts";
import { all, chain, type Maybe } from "../../async/maybe.ts";
import type { CachedRepository } from "../registry/cache/cachedRepository.ts";
import { malformed } from "../registry/failure.ts";
import type { Registry } from "../registry/registry.ts";
import type { ContentReason, Manifest, RepositoryReader } from "../registry/repository.ts";
import { unreadableRepository } from "../registry/unreadable.ts";
import { Standing } from "../standing.ts";
import { runningDigest } from "./runningDigest.ts";
import { isImage } from "./tagMatch.ts";
import { within } from "../../async/signals.ts";

type ManifestOutcome = Outcome<Manifest, ContentReason>;

export interface GatherOptions {
  readonly registry: Registry;
  readonly keychains: Keychains;
  /** Signatures and attestations, scans, base images. Each wins over the ones before it where both know the same fact. */
  readonly providers: readonly FactProvider[];
  /** Absent: nobody can ask for more than what is kept. */
  readonly lookAgain?: LookAgain;
  /**
   * Repositories that the operator's own credentials serve: those that a policy names (default), or all: whoever is at a terminal asks
   * with their own credentials for what they name.
   */
  readonly ownCredentials?: "named" | "all";
  /** Told of a provider that outlives its deadline: its facts are then missing, which no rule takes for a pass. */
  readonly report?: (error: unknown) => void;
}

export interface Gathering {
  readonly gather: Gather;
  readonly resolveDigest: ResolveDigest;
}

/** One image's registry, as one request may see it. */
interface View {
  readonly reference: Reference;
  readonly repository: CachedRepository;
  readonly open: (name: string) => RepositoryReader;
  readonly signal: AbortSignal;
  /**
   * An admission resolves a tag once; an audit's signal may live for long. By namespace, because requests of the same moment share a signal,
   * and one whose namespace asks for too much must not tell the others that it was turned away.
   */
  readonly once: string | undefined;
  readonly standing: Standing;
}

/** The image's own facts, before the providers add theirs. */
type OwnFacts = Pick<ImageFacts, "digest" | "tag" | "manifest" | "running">;

/** Audits share a place of their own, in which each namespace has its turn: they starve nobody at admission, nor are they starved. */
const AUDITS = "audits/";

const askerOf = (subject: Subject, mode: GatherRequest["mode"]): Asker =>
  mode === "audit" ? new Asker(AUDITS, subject.namespace) : new Asker(subject.namespace, subject);

const STRICTEST_FIRST: readonly EnforcementAction[] = ["deny", "warn", "dryrun"];

/**
 * What policies need to know about images, from registries, credentials, the cache and the fact providers. What deny policies
 * need comes first, so that a deadline costs the lenient ones.
 */
export function createGather(options: GatherOptions): Gathering {
  const { registry, keychains, providers, lookAgain, ownCredentials = "named", report = () => {} } = options;
  /** What a tag was found to name, by the request's own signal: one resolution an admission, whatever the cache keeps. */
  const resolved = new WeakMap<AbortSignal, Map<string, Maybe<ManifestOutcome>>>();

  const view = (
    reference: Reference,
    policies: readonly CompiledPolicy[],
    keychain: Keychain,
    signal: AbortSignal,
    once: string | undefined,
    standing: Standing,
  ): View | undefined => {
    const open = (name: string, parsed: Reference | undefined): CachedRepository | undefined => {
      const endpoint = registry.endpoint(name);
      if (endpoint === undefined) return undefined;
      const named = ownCredentials === "all" || isNamed(name, parsed, policies);
      return registry.repository(endpoint, keychain.sources(endpoint, named));
    };
    const repository = open(reference.name, reference);
    if (repository === undefined) return undefined;
    return {
      reference,
      repository,
      signal,
      once,
      standing,
      open: (name) => {
        if (name === reference.name) return repository;
        const parsed = parseReference(name);
        return open(name, parsed.status === "ok" ? parsed.reference : undefined) ?? unreadableRepository(name);
      },
    };
  };

  const tagOf = ({ reference, repository, signal, once, standing }: View): Maybe<ManifestOutcome> => {
    // What a tag names may be another any time.
    standing.end();
    const tag = reference.tag ?? "latest";
    if (once === undefined) return repository.peekManifestByTag(tag) ?? repository.manifestByTag(tag, signal);
    const key = `${once}\n${reference.name}:${tag}\n${repository.scope}`;
    const known = resolved.get(signal) ?? new Map<string, Maybe<ManifestOutcome>>();
    resolved.set(signal, known);
    const answer = known.get(key) ?? repository.peekManifestByTag(tag) ?? repository.manifestByTag(tag, signal);
    known.set(key, answer);
    return answer;
  };

  const manifestOf = ({ repository, signal, standing }: View, digest: string): Maybe<ManifestOutcome> =>
    repository.peekManifest(digest, standing) ?? repository.manifest(digest, signal);

  const byDigest = (seen: View, digest: string, { policies, mode }: GatherRequest): Maybe<OwnFacts> => {
    const rules = policies.flatMap((policy) => policy.digest ?? []);
    const written: Outcome<string> = { status: "verified", value: digest };
    const verify = rules.some((rule) => rule.verify);
    const drift = seen.reference.tag !== undefined && rules.some(({ tagDrift }) => tagDrift !== "Ignore");
    const manifest = verify ? manifestOf(seen, digest) : undefined;
    const tag = drift ? tagOf(seen) : undefined;
    return chain(manifest, (proved) =>
      chain(tag, (named): OwnFacts => ({
        digest: written,
        ...(mode === "audit" ? { running: written } : {}),
        ...(proved === undefined ? {} : { manifest: asFacts(proved) }),
        ...(named === undefined ? {} : { tag: namedDigest(named, digest) }),
      })),
    );
  };

  const byTag = (seen: View, { policies, mode, image }: GatherRequest): Maybe<OwnFacts> => {
    if (mode === "admission") {
      return chain(tagOf(seen), (named): OwnFacts => {
        const tag = namedDigest(named);
        return { tag, digest: tag, manifest: asFacts(named) };
      });
    }
    const needed = policies.some(
      ({ digest }) => digest !== undefined && (digest.verify || digest.tagDrift !== "Ignore"),
    );
    const questions = { tag: () => tagOf(seen), manifest: (digest: string) => manifestOf(seen, digest) };
    return chain(runningDigest(image.imageID, questions), (running) =>
      chain(needed ? tagOf(seen) : undefined, (named): OwnFacts => ({
        ...(running === undefined ? {} : running),
        ...(named === undefined ? {} : { tag: namedDigest(named) }),
      })),
    );
  };

  /** What a provider throws goes on to the review: a defect, which no `onUnavailable` settles. */
  const provide = (provider: FactProvider, context: FactContext): Maybe<ProvidedFacts> => {
    const facts = provider.gather(context);
    return facts instanceof Promise ? ending(facts, context.request.signal, provider.name, report) : facts;
  };

  const fromProviders = (
    seen: View,
    request: GatherRequest,
    own: OwnFacts,
    since: number | undefined,
  ): Maybe<ImageFacts> => {
    const start: ImageFacts = { ...NO_FACTS, ...own };
    if (own.digest?.status !== "verified") return start;
    const { value: digest } = own.digest;
    const manifest = (): Maybe<ManifestOutcome> => manifestOf(seen, digest);
    let facts: Maybe<ImageFacts> = start;
    for (const policies of byAction(request.policies, request.subject)) {
      const wanted = providers.filter((provider) => provider.wanted(policies));
      if (wanted.length === 0) continue;
      const { reference, repository, open, standing } = seen;
      if (wanted.some(({ tellsStanding }) => tellsStanding !== true)) standing.end();
      const context: FactContext = {
        request: { ...request, policies },
        reference,
        digest,
        repository,
        open,
        manifest,
        standing,
        ...(since === undefined ? {} : { since }),
      };
      facts = chain(facts, (before) =>
        chain(all(wanted.map((provider) => provide(provider, context))), (found) => found.reduce(mergeFacts, before)),
      );
    }
    return facts;
  };

  const gather: Gather = (request) => {
    const asking = new Asking(() => askerOf(request.subject, request.mode));
    const standing = new Standing();
    const facts = onBehalfOf(asking, () => gatherFor(request, standing));
    // Who had to wait for something read it anew, and learns how long it stands when he asks the next time.
    if (!(facts instanceof Promise) && standing.until > request.now) return { ...facts, standsUntil: standing.until };
    return chain(facts, (found) => (request.signal.aborted && asking.heldUp ? blameQueues(found) : found));
  };

  const gatherFor = (request: GatherRequest, standing: Standing): Maybe<ImageFacts> => {
    const { image, policies, concerned = policies, signal, subject, mode } = request;
    if (image.parsed.status !== "ok") return NO_FACTS;
    // Before anything is answered from what is kept.
    const since = lookAgain?.since(policies);
    const { reference } = image.parsed;
    return chain(keychains.open({ subject, policies: concerned }, signal), (keychain): Maybe<ImageFacts> => {
      const once = mode === "admission" ? subject.namespace : undefined;
      standing.limit(keychain.until);
      const seen = view(reference, concerned, keychain, signal, once, standing);
      if (seen === undefined) return withoutRegistry(reference);
      const own = reference.digest === undefined ? byTag(seen, request) : byDigest(seen, reference.digest, request);
      return chain(own, (facts) => fromProviders(seen, request, facts, since));
    });
  };

  const resolveDigest: ResolveDigest = (subject, image, policies, signal) => {
    if (image.parsed.status !== "ok") return malformed(`${image.image} is no image reference`);
    const { reference } = image.parsed;
    if (reference.digest !== undefined) return { status: "verified", value: reference.digest };
    return onBehalfOf(new Asking(() => askerOf(subject, "admission")), () =>
      chain(keychains.open({ subject, policies }, signal), (keychain): Maybe<Outcome<string>> => {
        const seen = view(reference, policies, keychain, signal, subject.namespace, new Standing());
        return seen === undefined ? noRegistry(reference) : chain(tagOf(seen), (named) => namedDigest(named));
      }),
    );
  };

  return { gather, resolveDigest };
}

/** The operator's own credentials serve only repositories that a policy names: by a pattern, or as a place of signatures. */
const isNamed = (name: string, reference: Reference | undefined, policies: readonly CompiledPolicy[]): boolean =>
  policies.some(
    ({ namedPatterns, authorities }) =>
      (reference !== undefined && namedPatterns.some((pattern) => pattern.matches(reference))) ||
      authorities.values().some(({ repository }) => repository === name),
  );

/** The policies of each enforcement class, the strictest first. */
function byAction(policies: readonly CompiledPolicy[], subject: Subject): readonly (readonly CompiledPolicy[])[] {
  const actions = policies.map((policy) => policy.actionIn(subject.namespace, subject.namespaceLabels));
  return STRICTEST_FIRST.map((action) => policies.filter((_, index) => actions[index] === action)).filter(
    (group) => group.length > 0,
  );
}

const asFacts = (outcome: ManifestOutcome): NonNullable<ImageFacts["manifest"]> =>
  outcome.status === "verified" ? { status: "verified", value: manifestFacts(outcome.value) } : outcome;

/** What a tag names; a digest that was written beside it is named as well where it is a platform child, or in SHA-512. */
function namedDigest(outcome: ManifestOutcome, written?: string): Outcome<string> {
  if (outcome.status !== "verified") return outcome;
  const { value: manifest } = outcome;
  return { status: "verified", value: written !== undefined && isImage(manifest, written) ? written : manifest.digest };
}

const noRegistry = ({ name }: Reference): Outcome<string> => malformed(`${name} is at no place that can be asked`);

function withoutRegistry(reference: Reference): ImageFacts {
  const wrong = noRegistry(reference);
  if (wrong.status === "verified") return NO_FACTS;
  const digest: Outcome<string> =
    reference.digest === undefined ? wrong : { status: "verified", value: reference.digest };
  return { ...NO_FACTS, digest, tag: wrong, manifest: wrong };
}

/** Milliseconds. A provider's own answer to the end of time is better than none: it gets a moment to give it. */
const GRACE = 100;

/** A provider ends with the signal by its contract; one that does not must not hold an admission. Its facts could not be had in time. */
function ending(
  work: Promise<ProvidedFacts>,
  signal: AbortSignal,
  name: string,
  report: (error: unknown) => void,
): Promise<ProvidedFacts> {
  return within(work, { signal, milliseconds: GRACE }, () => {
    report(new Error(`the fact provider ${name} outlived its deadline`));
    return {};
  });
}
