import type { ExceptionSpec } from "../../crds/types.ts";
import { REVOCATION } from "./compiledException.ts";

/** The policy that a revocation's findings name: policies of their own have no dots in their names. */
const PREFIX = `${REVOCATION}.`;
const EXACT_NAME = /^revocation\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Whether findings of this policy are a revocation's, or a name in an exception means one. */
export function namesRevocation(policy: string): boolean {
  return policy.startsWith(PREFIX);
}

/**
 * Why an exception names a revocation otherwise than design.md section 11 allows: the rule revocation alone, one
 * revocation by its exact name, exact repositories or digests. undefined: it does not, or names none. What stops an
 * incident must not be lifted by a wildcard, or in passing.
 */
export function notPermitted({ policies, rules, match }: ExceptionSpec): string | undefined {
  if (!policies.some(namesRevocation) && !rules.includes(REVOCATION)) return undefined;
  const [policy] = policies;
  if (rules.length !== 1 || rules[0] !== REVOCATION)
    return `is from a revocation and of other rules; write rules: [${REVOCATION}] alone`;
  if (policies.length !== 1 || policy === undefined || !EXACT_NAME.test(policy))
    return "is from a revocation that it does not name; write policies: [revocation.NAME] with one exact name";
  if (match.images === undefined && match.digests === undefined)
    return "is from a revocation and about any image; write match.images or match.digests";
  const vague = match.images?.find((image) => image.includes("*") || !image.includes("/"));
  return vague === undefined
    ? undefined
    : `is from a revocation and about "${vague}"; write exact repositories, such as registry.company.com/team/app`;
}
