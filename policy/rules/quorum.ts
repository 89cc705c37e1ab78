import type { AuthoritySet, CompiledAuthority, Quorum } from "../authority.ts";
import type { Reason, RuleFinding, RuleName } from "../finding/finding.ts";
import type { Outcome } from "../facts/outcome.ts";
import { isOurs, withAdvice } from "../facts/unavailable.ts";
import { distinctSigners } from "./distinctSigners.ts";

/** What one authority came to. */
export type Vote =
  /** `signers`: everyone who was proved for it, at least one. */
  | { readonly status: "counts"; readonly signers: readonly string[] }
  | { readonly status: "against"; readonly reason: Reason; readonly message: string }
  /** Evidence that could not be had: an outage, or (`ours`) nothing that `onUnavailable` may settle. */
  | { readonly status: "unknown"; readonly ours: boolean; readonly message: string };

export interface Ballot {
  readonly rule: RuleName;
  /** What is counted, for messages: `signature`, `attestation https://slsa.dev/provenance/v1`. */
  readonly what: string;
  /** What to do where it is missing. */
  readonly remedy: string;
  /** From closest to passing to farthest; `missing` comes after all of them. */
  readonly order: readonly Reason[];
  readonly missing: Reason;
}

type NamedVote<V extends Vote = Vote> = V & { readonly authority: string };

/**
 * Counts the authorities of a rule and settles it. Denied and could-not-tell stay apart: what is not known matters only
 * where it could still make up the number. A fault of the configuration takes the enforcement action, so that breaking
 * a policy's own reference never loosens it.
 *
 * @param outcomeOf what was found for an authority.
 * @param weigh what that is worth where something was proved.
 */
export function countVotes<T>(
  ballot: Ballot,
  quorum: Quorum,
  outcomeOf: (authority: CompiledAuthority) => Outcome<T, Reason> | undefined,
  weigh: (proved: T) => Vote,
): readonly RuleFinding[] {
  const votes = quorum.authorities.trusted.map((authority): NamedVote => ({
    authority: authorityName(authority),
    ...voteOf(ballot, outcomeOf(authority), weigh),
  }));
  return settle(ballot, quorum, votes);
}

/**
 * The configuration faults of authorities of whom one is enough: what one of them attested may say worse than what the
 * others did.
 */
export function faultsOf(rule: RuleName, { faulty }: AuthoritySet): RuleFinding[] {
  if (faulty.length === 0) return [];
  const detail = faulty.map(({ name, message }) => `authority ${name}: ${message}`).join("; ");
  return [{ rule, reason: "EvidenceUnavailable", detail, unavailable: "configuration" }];
}

/** As messages name an authority: where its signatures are not beside the image, with the place. */
export function authorityName({
  name,
  repository,
}: Pick<CompiledAuthority, "name"> & Partial<CompiledAuthority>): string {
  return repository === undefined ? name : `${name} (in ${repository})`;
}

function voteOf<T>({ missing }: Ballot, outcome: Outcome<T, Reason> | undefined, weigh: (proved: T) => Vote): Vote {
  switch (outcome?.status) {
    case "verified":
      return weigh(outcome.value);
    case "absent":
      return { status: "against", reason: missing, message: outcome.message };
    case "invalid":
      return { status: "against", reason: outcome.reason, message: outcome.message };
    case "unavailable":
      return { status: "unknown", ours: isOurs(outcome), message: withAdvice(outcome) };
    case undefined:
      return { status: "unknown", ours: false, message: "was not asked for" };
  }
}

function settle(ballot: Ballot, quorum: Quorum, votes: readonly NamedVote[]): readonly RuleFinding[] {
  const { count, everyone, authorities } = quorum;
  const { faulty } = authorities;
  const proved = votes.filter((vote) => vote.status === "counts");
  const all = votes.length + faulty.length;
  const lacking = everyone ? all - proved.length : 0;
  // The usual case, on the warm path of every review: one is enough, and one is there.
  if (count === 1 && lacking === 0 && proved.length > 0) return [];
  const counted = distinctSigners(proved.map(({ signers }) => signers));
  const wanting = Math.max(count - counted, lacking);
  if (wanting <= 0) return [];
  const { rule, what } = ballot;
  const tally = lacking > 0 ? [proved.length, all] : [counted, count];
  const found = tally[1] === 1 ? `no ${what} that counts` : `${what} of ${tally.join(" of ")} authorities`;
  const open = votes.filter((vote) => vote.status === "unknown");
  const unknown = open.filter(({ ours }) => !ours);
  const ours = open.filter((vote) => vote.ours);
  const evidence = (): RuleFinding => ({
    rule,
    reason: "EvidenceUnavailable",
    detail: `${found}; could not tell: ${list(unknown)}`,
    unavailable: "evidence",
  });
  if (wanting <= unknown.length) return [evidence()];
  if (wanting <= open.length + faulty.length) {
    const broken = faulty.map(({ name, message }) => ({ authority: name, message }));
    const why = [
      ...(ours.length > 0 ? [`could not look: ${list(ours)}`] : []),
      ...(broken.length > 0 ? [`the policy's own trust is incomplete: ${list(broken)}`] : []),
    ];
    const configuration: RuleFinding = {
      rule,
      reason: "EvidenceUnavailable",
      detail: `${found}; ${why.join("; ")}`,
      unavailable: "configuration",
    };
    return unknown.length > 0 ? [configuration, evidence()] : [configuration];
  }
  const order = [...ballot.order, ballot.missing];
  const against = votes
    .filter((vote) => vote.status === "against")
    .toSorted((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason) || (a.authority < b.authority ? -1 : 1));
  const reason = against[0]?.reason ?? ballot.missing;
  const said = against.length > 0 ? list(against) : sameSigner(votes);
  return [{ rule, reason, detail: `${found}: ${said}; ${ballot.remedy}` }];
}

/** Only where every authority counts by itself, and fewer signers than authorities stand behind them. */
function sameSigner(votes: readonly NamedVote[]): string {
  return `${votes.map(({ authority }) => authority).join(", ")} were proved by the same signer, who counts once`;
}

function list(entries: readonly { readonly authority: string; readonly message: string }[]): string {
  return entries.map(({ authority, message }) => `${authority}: ${message}`).join("; ");
}
