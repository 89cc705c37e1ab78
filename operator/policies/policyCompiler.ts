import { createHash } from "node:crypto";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { DataReference, ResolvedData } from "../../policy/compile/resolve.ts";
import type { PolicyRecord } from "./policies.ts";
import type { References } from "./references.ts";
import type { PolicySet } from "./policySet.ts";

/** A policy that was compiled, with everything that it asked for: while both stay, so does the result. */
interface Kept {
  readonly uid: string;
  readonly generation: number;
  readonly lookAgain: string | undefined;
  readonly answers: readonly (readonly [DataReference, ResolvedData])[];
  readonly compiled: CompiledPolicy;
}

export interface PolicyCompilerOptions {
  readonly policies: () => Iterable<PolicyRecord>;
  /** Compiled already; absent: none. */
  readonly exceptions?: () => readonly CompiledException[];
  readonly references: Pick<References, "resolve" | "during">;
}

/**
 * Compiles all policies, those anew that changed or whose keys did. Undefined while something that a policy refers to for the first time
 * is still being read: the set in force stays until then, for a few seconds at most.
 */
export function createPolicyCompiler({
  policies,
  exceptions = () => [],
  references,
}: PolicyCompilerOptions): () => PolicySet | undefined {
  let kept = new Map<string, Kept>();

  const compile = (record: PolicyRecord): Kept => {
    const known = kept.get(record.name);
    const { uid, generation, lookAgain } = record;
    if (known?.uid === uid && known.generation === generation && known.lookAgain === lookAgain) {
      // Asks again even if nothing changed: what nobody asks for is watched no longer.
      const answers = known.answers.map(([reference]) => references.resolve(reference));
      if (answers.every((answer, index) => sameAnswer(answer, known.answers[index]?.[1]))) return known;
    }
    const answers: [DataReference, ResolvedData][] = [];
    const compiled = compilePolicy(record.policy, (reference) => {
      const answer = references.resolve(reference);
      answers.push([reference, answer]);
      return answer;
    });
    return { uid, generation, lookAgain, answers, compiled };
  };

  return () => {
    const { value, pending } = references.during(() => {
      const records = [...policies()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      return new Map(records.map((record) => [record.name, compile(record)]));
    });
    kept = value;
    return pending
      ? undefined
      : setOf(
          [...value.values()].map(({ compiled }) => compiled),
          exceptions(),
        );
  };
}

function setOf(policies: readonly CompiledPolicy[], exceptions: readonly CompiledException[]): PolicySet {
  const key = createHash("sha256");
  for (const { name, uid, generation, key: own } of policies) key.update(`${name} ${uid} ${generation} ${own}\n`);
  for (const { name, key: own } of exceptions) key.update(`exception ${name} ${own}\n`);
  return { policies, audited: policies.filter(({ audited }) => audited), exceptions, key: key.digest("hex") };
}

function sameAnswer(a: ResolvedData, b: ResolvedData | undefined): boolean {
  if (b === undefined || a.status !== b.status) return false;
  if (a.status === "found") return b.status === "found" && a.text === b.text;
  return b.status !== "found" && a.message === b.message;
}
