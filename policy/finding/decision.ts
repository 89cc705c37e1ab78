import type { Finding } from "./finding.ts";

/** What is to happen to a request or what an audit records. */
export type Verdict = "allow" | "warn" | "deny";

/** The outcome for one object under all policies that match it. */
export interface Decision {
  readonly verdict: Verdict;
  /** Sorted by policy, container, rule, reason; those with `exempted` set do not count for the verdict. */
  readonly findings: readonly Finding[];
  /** By image as written: the digest that was judged, for pinning and for Violations. */
  readonly digests: ReadonlyMap<string, string>;
  /**
   * The object was too large to be judged whole: a finding of every policy that matches it says so. What else is there
   * nobody knows.
   */
  readonly partial?: boolean;
}
