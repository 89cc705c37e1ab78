import type { AuthoritySet, CompiledAuthority, Quorum } from "../../authority.ts";
import { canonicalJson } from "../canonicalJson.ts";
import type { Compiling } from "../compiling.ts";

/** What rules that count authorities have in common. */
interface QuorumSpec {
  readonly authorities: readonly string[];
  readonly count?: number;
}

/**
 * Whose word a rule needs. Faults are those of its authorities. Without a count that is everybody's, where authorities
 * of the same key count once (design.md section 9): two names for one key ask for one signer, who must satisfy both.
 */
export function compileQuorum(
  spec: QuorumSpec,
  { authorities: named, faults }: Pick<Compiling, "authorities" | "faults">,
): Quorum {
  const authorities = named(spec.authorities, faults.at("authorities"));
  return { authorities, count: spec.count ?? signersOf(authorities), everyone: spec.count === undefined };
}

function signersOf({ trusted }: AuthoritySet): number {
  return Math.max(1, new Set(trusted.map(materialOf)).size);
}

/** Who may sign, without what is asked of the signature beside that. */
function materialOf(authority: CompiledAuthority): string {
  if (authority.type === "keyless")
    return canonicalJson([authority.trustRoot, ...authority.identities.map(({ spec }) => spec)]);
  if (authority.type === "notation")
    return canonicalJson([
      authority.identities,
      ...authority.certificates.map(({ fingerprint }) => fingerprint).toSorted(),
    ]);
  return (
    authority.kms ??
    authority.keys
      .map(({ fingerprint }) => fingerprint)
      .toSorted()
      .join(" ")
  );
}
