/**
 * The claims that Fulcio writes into a certificate, by the names that policies use.
 * Source: fulcio `docs/oid-info.md`; the arc is 1.3.6.1.4.1.57264.1. `issuer` has a field of its own.
 */
export const FULCIO_ARC = "1.3.6.1.4.1.57264.1";

/** Name to last number of the OID. 2 to 6 are old and hold raw text, 9 and later a DER UTF8String. */
export const FULCIO_CLAIMS: ReadonlyMap<string, number> = new Map([
  ["githubWorkflowTrigger", 2],
  ["githubWorkflowSHA", 3],
  ["githubWorkflowName", 4],
  ["githubWorkflowRepository", 5],
  ["githubWorkflowRef", 6],
  ["buildSignerURI", 9],
  ["buildSignerDigest", 10],
  ["runnerEnvironment", 11],
  ["sourceRepositoryURI", 12],
  ["sourceRepositoryDigest", 13],
  ["sourceRepositoryRef", 14],
  ["sourceRepositoryIdentifier", 15],
  ["sourceRepositoryOwnerURI", 16],
  ["sourceRepositoryOwnerIdentifier", 17],
  ["buildConfigURI", 18],
  ["buildConfigDigest", 19],
  ["buildTrigger", 20],
  ["runInvocationURI", 21],
  ["sourceRepositoryVisibilityAtSigning", 22],
  ["deploymentEnvironment", 23],
]);
