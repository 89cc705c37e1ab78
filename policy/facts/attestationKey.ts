/** The key of `ImageFacts.attestations`: what one authority said of one predicate type. */
export const attestationKey = (predicateType: string, authorityId: string): string =>
  `${predicateType}\n${authorityId}`;
