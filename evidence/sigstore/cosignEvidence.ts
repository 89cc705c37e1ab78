import { factKey, type AnswerAge, type ProveAttestations } from "../attestations.ts";
import { SingleFlight, type Flight } from "../../async/singleFlight.ts";
import { untilEnough } from "../../async/untilEnough.ts";
import type { FactContext, FactProvider } from "../provider.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import { AuditPace } from "./auditPace.ts";
import type { CandidateVerifier } from "./verify/candidateVerifier.ts";
import { resolveQuery, keyOf, type ResolvedQuery, type OpenQuery } from "./resolvedQuery.ts";
import { ReadBudget } from "./find/readBudget.ts";
import { OUTCOME_TIMES, type Looked, type OutcomeTimes } from "./keptOutcomes.ts";
import { Lookup, type LookupRequest, type LookupState } from "./lookup.ts";
import { Outcomes } from "./outcomes.ts";
import type { Signer } from "./proof.ts";
import type { SignerSources } from "./signers.ts";
import type { Standing } from "../standing.ts";
import { GatheredOutcomes, satisfies, queriesOf, type CosignFacts, type SignatureQuery } from "./signatureQuery.ts";

/** Made once: the reason that abort() makes for itself has a stack to be traced. */
const ENOUGH = new Error("enough is proved");

export interface CosignTools extends SignerSources {
  readonly examiner: CandidateVerifier;
  readonly metrics: EvidenceMetrics;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly times?: Partial<OutcomeTimes>;
}

export interface CosignEvidence {
  /** Signatures and attestations that policies' own rules ask for. */
  readonly provider: FactProvider;
  /** Attestations that others ask for: scans, VEX, base images. */
  readonly proveAttestations: ProveAttestations;
}

/** What somebody asks, and when it is enough. */
interface Inquiry {
  readonly wants: readonly SignatureQuery[];
  readonly digest: string;
  readonly enough: (facts: CosignFacts) => boolean;
  /** Inquiries of equal purpose agree about what is enough. */
  readonly purpose: () => string;
  /** Where it is set, this decides what is recalled, and not what it says. */
  readonly age?: AnswerAge;
}

/**
 * Evidence of cosign and other Sigstore clients. What was proved is kept by digest, repository and credential, and by
 * everything that it was proved against; warm answers are synchronous. Never rejects.
 */
export const createCosignEvidence = (tools: CosignTools): CosignEvidence => {
  const { clock, metrics, examiner } = tools;
  const times = { ...OUTCOME_TIMES, ...tools.times };
  const outcomes = new Outcomes(times, clock, metrics);
  const lookup = new Lookup(examiner);
  const pace = new AuditPace(clock);
  const flights = new SingleFlight<GatheredOutcomes>();
  /** Of the searches under way, by their flight's key. */
  const efforts = new Map<string, ReadBudget>();
  /** What was read about an image and its children, where somebody needs all of it. */
  const totals = new WeakMap<FactContext, ReadBudget>();
  /** Images whose junk took the time: what else is asked about them after that comes too late for the same reason. */
  const buried = new WeakSet<FactContext>();

  const totalOf = (context: FactContext): ReadBudget => {
    const total = totals.get(context) ?? new ReadBudget();
    totals.set(context, total);
    return total;
  };

  const recall = (
    all: readonly ResolvedQuery[],
    since: number,
    standing: Standing,
    age: AnswerAge | undefined,
  ): { readonly answers: GatheredOutcomes; readonly open: readonly OpenQuery[] } => {
    const answers = new GatheredOutcomes();
    const unknown = all.filter((asked) => !outcomes.recall(asked, answers, since, standing, age));
    const open = unknown.flatMap((asked) =>
      asked.resolved.status === "ready" ? [{ ...asked, signer: asked.resolved.signer }] : [],
    );
    return { answers, open };
  };

  const inquire = (context: FactContext, inquiry: Inquiry): GatheredOutcomes | Promise<GatheredOutcomes> => {
    const asking = inquiry.wants.map((want) => resolveQuery(want, context, inquiry.digest, tools));
    if (asking.every(isKnown)) return find(asking, inquiry, context);
    const known = asking.filter(isKnown);
    const coming = asking.filter((one) => !isKnown(one)).map(async (one) => [await one]);
    return findApart([known, ...coming], inquiry, context);
  };

  /** A key or a root that must be fetched first holds nobody else: others are looked for meanwhile, and may be enough. */
  const findApart = async (
    parts: readonly (readonly ResolvedQuery[] | Promise<readonly ResolvedQuery[]>)[],
    inquiry: Inquiry,
    context: FactContext,
  ): Promise<GatheredOutcomes> => {
    const answers = new GatheredOutcomes();
    await untilEnough(
      parts.map(async (part) => {
        answers.add(await find(await part, inquiry, context));
        return inquiry.enough(answers);
      }),
    );
    // A copy: what comes later is for the next who asks.
    return new GatheredOutcomes().add(answers);
  };

  /**
   * What is looked for now of what is open. Where so much runs that it is not yet a place's turn to be looked at again, an audit makes do with
   * what is known of it; each place is paid for by itself.
   */
  const inTurn = (open: readonly OpenQuery[], context: FactContext, { age }: Inquiry): Turn => {
    const kept = new GatheredOutcomes();
    if (age === undefined || context.request.mode !== "audit") return { due: open, kept };
    const due = [...Map.groupBy(open, ({ place }) => place)].flatMap(([place, group]) => {
      const old = recall(group, context.since ?? -Infinity, context.standing, "audited");
      const at = Math.min(...group.map((one) => outcomes.lookedAt(one) ?? -Infinity));
      if (old.open.length > 0 || pace.mayLook(place, at)) return group;
      kept.add(old.answers);
      return [];
    });
    return { due, kept };
  };

  const find = (
    all: readonly ResolvedQuery[],
    inquiry: Inquiry,
    context: FactContext,
  ): GatheredOutcomes | Promise<GatheredOutcomes> => {
    const { signal } = context.request;
    const { since = -Infinity, standing } = context;
    const kept = recall(all, since, standing, inquiry.age);
    const enough = inquiry.enough(kept.answers);
    // What was proved and does not satisfy a rule is as good as nothing, and no older: somebody may be attesting better right now.
    const { answers, open } =
      enough || inquiry.age !== undefined
        ? kept
        : recall(all, Math.max(since, clock() - times.negative), standing, undefined);
    const known = open.length === 0 || enough;
    const { due, kept: old } = known ? NOTHING_DUE : inTurn(open, context, inquiry);
    if (all.length > 0) metrics.cacheRequest("signatures", due.length === 0 ? "hit" : "miss");
    if (due.length < open.length) answers.add(old);
    if (due.length === 0) return answers;
    // All of them: answers that are known already are shared with whoever joins. What an audit makes do with does for nobody else.
    const shared = due.length === open.length ? [] : ["but for", ...old.attestations.keys()];
    const key = [inquiry.purpose(), String(since), ...all.map(sharedKey), ...shared].join("\n\n");
    return flights.run(
      key,
      signal,
      async (flight) => {
        const effort = new ReadBudget(inquiry.age === undefined ? undefined : totalOf(context));
        efforts.set(key, effort);
        try {
          await search(due, answers, inquiry, flight, effort, since);
        } finally {
          if (efforts.get(key) === effort) efforts.delete(key);
        }
        return answers;
      },
      () => {
        // This caller's time is over: what was proved by now counts, the rest could not be told.
        const late = recall(all, since, standing, inquiry.age);
        const told = new GatheredOutcomes().add(old).add(late.answers);
        const effort = efforts.get(key) ?? new ReadBudget();
        const total = totalOf(context);
        total.learn(effort);
        const junk = effort.excessive || buried.has(context);
        if (junk) buried.add(context);
        const whole = inquiry.age !== undefined;
        for (const one of late.open)
          if (junk) outcomes.giveUpOnJunk(one, told, since, whole);
          else outcomes.giveUp(one, told, effort.crowded, since, whole ? total.namedAt(one.place) : undefined);
        return told;
      },
    );
  };

  /** Reads every place once for all that is asked there, and stops everywhere when it is enough. */
  const search = async (
    open: readonly OpenQuery[],
    answers: GatheredOutcomes,
    { enough, age }: Inquiry,
    flight: Flight,
    effort: ReadBudget,
    since: number,
  ): Promise<void> => {
    const stop = new AbortController();
    const signal = AbortSignal.any([flight.signal, stop.signal]);
    const places = [...Map.groupBy(open, ({ place }) => place).values()];
    await Promise.all(
      places.map(async (group) => {
        const [first] = group;
        if (first === undefined) return;
        let lists: string | undefined;
        const named = effort.namedAt(first.place);
        const question = questionOf(first, group, age !== undefined, named, (name) => {
          lists = name;
          return group.every((one) => outcomes.isOfLists(one, name, since));
        });
        const state = await lookup.run(question, signal, effort, (partial) => {
          if (age !== undefined) return;
          for (const one of group) outcomes.take(one, partial, false, answers, since);
          if (enough(answers)) stop.abort(ENOUGH);
        });
        // Where reading stopped in the middle, what is missing is not known, whether somebody wants to know it or not.
        if (signal.aborted) return;
        const looked = age === undefined || state === "known" ? undefined : lookedAt(group, state, named, lists);
        for (const one of group)
          if (state !== "known") outcomes.take(one, state, true, answers, since, looked);
          else if (lists !== undefined) outcomes.renew(one, answers, lists, since);
      }),
    );
  };

  return {
    provider: {
      name: "signatures",
      tellsStanding: true,
      wanted: (policies) =>
        policies.some(({ signatures, attestations }) => signatures !== undefined || (attestations ?? []).length > 0),
      gather: (context) => {
        const { request, reference, digest } = context;
        return inquire(context, {
          wants: queriesOf(request.policies),
          digest,
          enough: (facts) => satisfies(facts, context),
          // What is enough depends on the rules, and conditions may look at the reference.
          purpose: () => ["rules", reference.canonical, ...request.policies.map(({ key }) => key)].join(" "),
        });
      },
    },
    proveAttestations: (context, digest, wants, age) => {
      const answers = inquire(context, { wants, digest, enough: () => false, purpose: () => "all", age });
      return answers instanceof Promise ? answers.then((one) => one.attestations) : answers.attestations;
    },
  };
};

/** What is to be looked for, and what an audit makes do with of the rest. */
interface Turn {
  readonly due: readonly OpenQuery[];
  readonly kept: CosignFacts;
}

const NOTHING_DUE: Turn = { due: [], kept: new GatheredOutcomes() };

/** What an answer depends on: the place with its credential, and whoever is trusted at this moment. */
const sharedKey = (asked: ResolvedQuery): string => {
  const { resolved, place, want } = asked;
  return resolved.status === "ready" ? keyOf(asked, resolved.signer) : `${place}\n${factKey(want)}\n${resolved.status}`;
};

const isKnown = (asked: ResolvedQuery | Promise<ResolvedQuery>): asked is ResolvedQuery => !(asked instanceof Promise);

const lookedAt = (
  group: readonly OpenQuery[],
  { attestations }: LookupState,
  named: ReadonlySet<string>,
  lists: string | undefined,
): Looked => {
  const proved = group.some(
    ({ want, signer }) => attestations(want.predicateType ?? "", signer.key).status === "verified",
  );
  return { named, proved, ...(lists === undefined ? {} : { lists }) };
};

const questionOf = (
  first: OpenQuery,
  group: readonly OpenQuery[],
  whole: boolean,
  named: Set<string>,
  isKnown: (lists: string) => boolean,
): LookupRequest => {
  const attestations = new Map<string, Signer[]>();
  for (const { want, signer } of group) {
    if (want.predicateType === undefined) continue;
    attestations.set(want.predicateType, [...(attestations.get(want.predicateType) ?? []), signer]);
  }
  return {
    repository: first.repository,
    digest: first.digest,
    signatures: group.flatMap(({ want, signer }) => (want.predicateType === undefined ? [signer] : [])),
    attestations,
    whole,
    isKnown,
    named,
  };
};
