/** The key of `ImageFacts.attestations`: what one authority said of one predicate type. */
export function attestationKey(predicateType: string, authorityId: string): string {
  return `${predicateType}\n${authorityId}`;
}
