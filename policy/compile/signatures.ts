import type { Signatures } from "../../crds/types.ts";
import type { CompiledAuthority } from "../authority.ts";
import type { AuthoritySet, SignaturesRule } from "../compiledRules.ts";
import { authoritySet, type CompiledAuthorities } from "./authorities.ts";

/** Compiles `spec.signatures`. Faults are those of its authorities. */
export const compileSignatures = (spec: Signatures, compiled: CompiledAuthorities): SignaturesRule => {
  const authorities = authoritySet(spec.authorities, compiled);
  return { authorities, count: spec.count ?? countOfAll(authorities) };
};

/**
 * All of them, where the policy gives no count. Authorities with the same key count once (design.md section 9), so two
 * names for one key ask for one signature, not for two that can never be there.
 */
export const countOfAll = ({ trusted, faulty }: AuthoritySet): number =>
  Math.max(1, new Set(trusted.map(materialOf)).size + faulty.length);

const materialOf = (authority: CompiledAuthority): string =>
  authority.type === "key"
    ? (authority.kms ??
      authority.keys
        .map(({ fingerprint }) => fingerprint)
        .toSorted()
        .join(" "))
    : authority.id;
