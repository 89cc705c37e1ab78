import type { AuthoritySet } from "../compiledRules.ts";
import type { Reason, RuleFinding, RuleName } from "../finding.ts";
import { distinctSigners } from "./distinctSigners.ts";

/** What one trusted authority came to. */
export type Vote =
  /** `signers`: everyone who was proved for it, at least one. */
  | { readonly status: "counts"; readonly authority: string; readonly signers: readonly string[] }
  | { readonly status: "against"; readonly authority: string; readonly reason: Reason; readonly message: string }
  | { readonly status: "unknown"; readonly authority: string; readonly message: string };

export interface Ballot {
  readonly rule: RuleName;
  /** What is counted, for messages: `signature`, `attestation https://slsa.dev/provenance/v1`. */
  readonly what: string;
  /** What to do where it is missing. */
  readonly remedy: string;
  /** From closest to passing to farthest. */
  readonly order: readonly Reason[];
}

/**
 * Settles a rule that wants `count` authorities. Denied and could-not-tell stay apart: what is not known matters only where it
 * could still make up the number. A fault of the configuration takes the enforcement action, so that breaking a policy's
 * own reference never loosens it.
 */
export const settle = (
  ballot: Ballot,
  count: number,
  votes: readonly Vote[],
  faulty: AuthoritySet["faulty"],
): readonly RuleFinding[] => {
  // The usual case, on the warm path of every review: one is enough, and one is there.
  if (count === 1 && votes.some(({ status }) => status === "counts")) return [];
  const counted = distinctSigners(votes.flatMap((vote) => (vote.status === "counts" ? [vote.signers] : [])));
  const wanting = count - counted;
  if (wanting <= 0) return [];
  const { rule } = ballot;
  const unknown = votes.filter((vote) => vote.status === "unknown");
  const evidence = (): RuleFinding => ({
    rule,
    reason: "EvidenceUnavailable",
    detail: `${tally(ballot, counted, count)}; could not tell: ${list(unknown)}`,
    unavailable: "evidence",
  });
  if (wanting <= unknown.length) return [evidence()];
  if (wanting <= unknown.length + faulty.length) {
    const broken = faulty.map(({ name, message }) => ({ authority: name, message }));
    const configuration: RuleFinding = {
      rule,
      reason: "EvidenceUnavailable",
      detail: `${tally(ballot, counted, count)}; the policy's own trust is incomplete: ${list(broken)}`,
      unavailable: "configuration",
    };
    return unknown.length > 0 ? [configuration, evidence()] : [configuration];
  }
  const rank = ({ reason }: { readonly reason: Reason }): number => ballot.order.indexOf(reason);
  const against = votes
    .filter((vote) => vote.status === "against")
    .toSorted((a, b) => rank(a) - rank(b) || (a.authority < b.authority ? -1 : 1));
  const reason = against[0]?.reason ?? ballot.order.at(-1) ?? "EvidenceUnavailable";
  const said = against.length > 0 ? list(against) : sameSigner(votes);
  return [{ rule, reason, detail: `${tally(ballot, counted, count)}: ${said}; ${ballot.remedy}` }];
};

const tally = ({ what }: Ballot, counted: number, count: number): string =>
  count === 1 ? `no ${what} that counts` : `${what} of ${counted} of ${count} authorities`;

/** Only where every authority counts by itself, and fewer signers than authorities stand behind them. */
const sameSigner = (votes: readonly Vote[]): string =>
  `${votes.map(({ authority }) => authority).join(", ")} were proved by the same signer, who counts once`;

const list = (entries: readonly { readonly authority: string; readonly message: string }[]): string =>
  entries.map(({ authority, message }) => `${authority}: ${message}`).join("; ");
