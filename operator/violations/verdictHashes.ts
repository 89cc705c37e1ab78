import type { PodJudgement } from "../audit/podJudgements.ts";

/** The hash of what is stored of a verdict under a name, such as a policy's; made once for as long as the verdict holds. */
export type VerdictHashes = (verdict: PodJudgement, name: string, make: () => string) => string;

export function createVerdictHashes(): VerdictHashes {
  const known = new WeakMap<PodJudgement, Map<string, string>>();
  return (verdict, name, make) => {
    const hashes = known.get(verdict) ?? new Map<string, string>();
    const hash = hashes.get(name) ?? make();
    known.set(verdict, hashes.set(name, hash));
    return hash;
  };
}
