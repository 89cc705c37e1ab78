import { SingleFlight, type Flight } from "../../async/singleFlight.ts";
import type { NotationAuthority } from "../../policy/authority.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { SignatureOutcome } from "../../policy/facts/facts.ts";
import { judgeSignatures } from "../../policy/rules/signatures.ts";
import type { EvidenceMetrics } from "../metrics.ts";
import type { FactContext, FactProvider } from "../provider.ts";
import type { RepositoryReader } from "../registry/repository.ts";
import type { Standing } from "../standing.ts";
import { ReadBudget } from "../sigstore/find/readBudget.ts";
import { OUTCOME_TIMES, placeKey, type OutcomeTimes } from "../sigstore/keptOutcomes.ts";
import { Lookup, type LookupTools } from "./lookup.ts";
import { Outcomes, type ResolvedQuery } from "./outcomes.ts";
import type { NotationSigner } from "./proof.ts";
import type { Target } from "./verify/payload.ts";

export interface NotationTools extends LookupTools {
  readonly metrics: EvidenceMetrics;
  readonly times?: Partial<OutcomeTimes>;
}

type Answers = Map<string, SignatureOutcome>;

/** A question with the place where its signatures are. */
interface Open extends ResolvedQuery {
  readonly trust: NotationSigner;
  readonly repository: RepositoryReader;
  readonly place: string;
}

/**
 * Evidence of the Notary Project's clients (notation, AWS Signer). What was proved is kept by digest, repository and credential, and by
 * everything that it was proved against; warm answers are synchronous. Never rejects.
 */
export const createNotationEvidence = (tools: NotationTools): FactProvider => {
  const { clock, metrics } = tools;
  const outcomes = new Outcomes({ ...OUTCOME_TIMES, ...tools.times }, clock, metrics);
  const lookup = new Lookup(tools);
  const flights = new SingleFlight<Answers>();
  /** Of the searches under way, by their flight's key. */
  const efforts = new Map<string, ReadBudget>();

  const recall = (
    all: readonly Open[],
    since: number,
    standing: Standing,
  ): { readonly answers: Answers; readonly open: readonly Open[] } => {
    const answers: Answers = new Map();
    const open = all.filter((asked) => {
      const known = outcomes.recall(asked, since, standing);
      if (known !== undefined) answers.set(asked.id, known.outcome);
      return known?.complete !== true;
    });
    return { answers, open };
  };

  const find = (context: FactContext, all: readonly Open[]): Answers | Promise<Answers> => {
    const { since = -Infinity, request, standing } = context;
    const { answers, open } = recall(all, since, standing);
    const known = open.length === 0 || isEnough(answers, request.policies);
    if (all.length > 0) metrics.cacheRequest("signatures", known ? "hit" : "miss");
    if (known) return answers;
    // What is enough depends on the rules.
    const key = [...request.policies.map((policy) => policy.key), String(since), ...all.map((one) => one.key)].join(
      "\n\n",
    );
    return flights.run(
      key,
      request.signal,
      async (flight) => {
        const effort = new ReadBudget();
        efforts.set(key, effort);
        try {
          await searchAll(context, open, answers, flight, effort, since);
        } finally {
          if (efforts.get(key) === effort) efforts.delete(key);
        }
        return answers;
      },
      () => {
        // This caller's time is over: what was proved by now counts, the rest could not be told.
        const late = recall(all, since, standing);
        const why = efforts.get(key)?.excessive === true ? "junk" : "late";
        for (const one of late.open)
          if (!late.answers.has(one.id)) late.answers.set(one.id, outcomes.giveUp(one, why, since));
        return late.answers;
      },
    );
  };

  /** Reads every place once for all that is asked there, and stops everywhere when it is enough. */
  const searchAll = async (
    context: FactContext,
    open: readonly Open[],
    answers: Answers,
    flight: Flight,
    effort: ReadBudget,
    since: number,
  ): Promise<void> => {
    const manifest = await context.manifest();
    if (manifest.status !== "verified") {
      for (const one of open) answers.set(one.id, withoutImage(one, manifest, outcomes, since));
      return;
    }
    const { mediaType, size } = manifest.value;
    const image: Target = { mediaType, digest: context.digest, size };
    const stop = new AbortController();
    const signal = AbortSignal.any([flight.signal, stop.signal]);
    const places = Map.groupBy(open, ({ place }) => place).values();
    await Promise.all(
      [...places].map(async (group) => {
        const repository = group[0]?.repository;
        if (repository === undefined) return;
        const take = (tally: Parameters<Outcomes["take"]>[1], complete: boolean): void => {
          for (const one of group) {
            const outcome = outcomes.take(one, tally, complete, since);
            if (outcome !== undefined) answers.set(one.id, outcome);
          }
        };
        const question = { repository, image, signers: group.map(({ trust }) => trust) };
        const tally = await lookup.run(question, signal, effort, (partial) => {
          take(partial, false);
          if (isEnough(answers, context.request.policies)) stop.abort();
        });
        // Where reading stopped in the middle, what is missing is not known, whether somebody wants to know it or not.
        if (!signal.aborted) take(tally, true);
      }),
    );
  };

  return {
    name: "notation",
    tellsStanding: true,
    wanted: (policies) => policies.some((policy) => authoritiesOf(policy).length > 0),
    gather: (context) => {
      const authorities = distinct(context.request.policies.flatMap(authoritiesOf));
      const signatures = find(
        context,
        authorities.map((authority) => ask(authority, context)),
      );
      return signatures instanceof Promise ? signatures.then((found) => ({ signatures: found })) : { signatures };
    },
  };
};

/** The image itself could not be looked at: what a signature must name is not known. */
const withoutImage = (
  { key }: Open,
  manifest: Exclude<Awaited<ReturnType<FactContext["manifest"]>>, { status: "verified" }>,
  outcomes: Outcomes,
  since: number,
): SignatureOutcome => {
  switch (manifest.status) {
    case "absent":
      return manifest;
    case "invalid":
      return { status: "invalid", reason: "SignatureInvalid", message: manifest.message };
    case "unavailable":
      return outcomes.standIn(key, manifest, since);
  }
};

/** Of a policy's rule that counts signatures: a policy asks the same for as long as it lives. */
const asked = new WeakMap<CompiledPolicy, readonly NotationAuthority[]>();

const authoritiesOf = (policy: CompiledPolicy): readonly NotationAuthority[] => {
  const known = asked.get(policy);
  if (known !== undefined) return known;
  const found = (policy.signatures?.authorities.trusted ?? []).filter((authority) => authority.type === "notation");
  asked.set(policy, found);
  return found;
};

const distinct = (authorities: readonly NotationAuthority[]): readonly NotationAuthority[] =>
  authorities.length < 2 ? authorities : [...new Map(authorities.map((one) => [one.id, one])).values()];

const signers = new WeakMap<NotationAuthority, NotationSigner>();

const signerOf = (authority: NotationAuthority): NotationSigner => {
  const known = signers.get(authority);
  if (known !== undefined) return known;
  const { id, certificates, timestampCertificates, identities, level, revocation } = authority;
  const signer: NotationSigner = {
    key: id,
    certificates: certificates.map(({ der }) => der),
    ...(timestampCertificates === undefined
      ? {}
      : { timestampCertificates: timestampCertificates.map(({ der }) => der) }),
    identities,
    level,
    revocation,
  };
  signers.set(authority, signer);
  return signer;
};

const ask = (authority: NotationAuthority, { repository: beside, open, digest }: FactContext): Open => {
  const { id, repository: name } = authority;
  const repository = name === undefined || name === beside.name ? beside : open(name);
  const place = placeKey(repository, digest);
  return { id, key: `${place}\n${id}`, trust: signerOf(authority), repository, place };
};

/** Whether the rules hold with what is known, or every one of these authorities has signed without a warning. */
const isEnough = (signatures: ReadonlyMap<string, SignatureOutcome>, policies: readonly CompiledPolicy[]): boolean =>
  policies.every(
    (policy) =>
      policy.signatures === undefined ||
      judgeSignatures(policy.signatures, { signatures }).length === 0 ||
      authoritiesOf(policy).every(({ id }) => isClean(signatures.get(id))),
  );

const isClean = (outcome: SignatureOutcome | undefined): boolean =>
  outcome?.status === "verified" && outcome.value.every(({ warnings }) => warnings === undefined);
