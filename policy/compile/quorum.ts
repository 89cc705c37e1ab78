import type { CompiledAuthority } from "../authority.ts";
import type { AuthoritySet, Quorum } from "../compiledRules.ts";
import { authoritySet, type CompiledAuthorities } from "./authorities.ts";
import { canonicalJson } from "./canonicalJson.ts";

/** What rules that count authorities have in common. */
interface QuorumSpec {
  readonly authorities: readonly string[];
  readonly count?: number;
}

/**
 * Whose word a rule needs. Faults are those of its authorities. Without a count that is everybody's, where authorities of the same key
 * count once (design.md section 9): two names for one key ask for one signer, who must satisfy both.
 */
export const compileQuorum = (spec: QuorumSpec, compiled: CompiledAuthorities): Quorum => {
  const authorities = authoritySet(spec.authorities, compiled);
  return { authorities, count: spec.count ?? signersOf(authorities), everyone: spec.count === undefined };
};

const signersOf = ({ trusted }: AuthoritySet): number => Math.max(1, new Set(trusted.map(materialOf)).size);

/** Who may sign, without what is asked of the signature beside that. */
const materialOf = (authority: CompiledAuthority): string => {
  if (authority.type === "keyless")
    return canonicalJson([authority.trustRoot, ...authority.identities.map(({ spec }) => spec)]);
  return (
    authority.kms ??
    authority.keys
      .map(({ fingerprint }) => fingerprint)
      .toSorted()
      .join(" ")
  );
};
