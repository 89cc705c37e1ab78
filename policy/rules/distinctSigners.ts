/**
 * How many authorities can be counted when each needs a signer of its own: the largest matching of authorities with the
 * signers that were proved for them. Two names for one key count once, however often it signed.
 */
export function distinctSigners(provedBy: readonly (readonly string[])[]): number {
  const takenBy = new Map<string, number>();
  // Kuhn's augmenting paths; a policy has at most 32 authorities.
  const place = (authority: number, tried: Set<string>): boolean =>
    (provedBy[authority] ?? []).some((signer) => {
      if (tried.has(signer)) return false;
      tried.add(signer);
      const holder = takenBy.get(signer);
      if (holder !== undefined && !place(holder, tried)) return false;
      takenBy.set(signer, authority);
      return true;
    });
  return provedBy.filter((_, authority) => place(authority, new Set())).length;
}
