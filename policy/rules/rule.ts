import type { PolicySpec } from "../../crds/types.ts";
import type { Compiling } from "../compile/compiling.ts";
import type { ImageFacts } from "../facts/facts.ts";
import type { RuleFinding, RuleName } from "../finding/finding.ts";
import type { ParsedReference, Reference } from "../image/reference.ts";

/**
 * What becomes of an image's tag that has no digest beside it. `pinned`: the mutating webhook adds the digest.
 * `excused`: it stands in a template whose pods are pinned, so that content rules judge what it names now. `bare`:
 * nobody pins it.
 */
export type TagState = "bare" | "pinned" | "excused";

/** The image that is judged, and the place where it stands. */
export interface ImageContext {
  readonly mode: "admission" | "audit";
  readonly namespace: string;
  /** It stands in a workload's pod template, not in a Pod. */
  readonly template: boolean;
  readonly parsed: ParsedReference;
  /** Only for references without a digest. */
  readonly tags: TagState;
}

/** What a judgement depends on beside the rule and the facts. Times are milliseconds since the epoch. */
export interface JudgingContext extends ImageContext {
  readonly reference: Reference;
  readonly now: number;
  /** When the object was made; `now` for one that is being created. */
  readonly createdAt: number;
}

/**
 * What a rule needs to know before it can judge an image. `nothing`: its text is enough. `registry`: what the registry
 * says of the reference, a tag alone included. `content`: facts that bind to a digest, so that a tag alone cannot be
 * judged.
 */
export type Need = "nothing" | "registry" | "content";

/** What else a rule's verdict on the same evidence changes with: what it is is kept no longer than that stays. */
export interface Dependence {
  /** With time alone: by the clock, or because others attest something that is to be noticed within a minute. */
  readonly time?: boolean;
  /** With when the pod was made. */
  readonly age?: boolean;
  /** With what the written tag names, also beside a digest. */
  readonly tag?: boolean;
  /** With these annotations of the pod. */
  readonly podAnnotations?: readonly string[];
}

/** The parts of a specification that are rules: those with the name of one. */
export type SpecRule = Extract<keyof PolicySpec, RuleName>;

/** A rule as one policy has it. */
export interface PolicyRule<Name extends SpecRule = SpecRule, Compiled = unknown> {
  readonly name: Name;
  readonly compiled: Compiled;
  readonly dependsOn: Dependence;
  readonly needs: (image: ImageContext & { readonly reference: Reference }) => Need;
  readonly judgeText: (image: ImageContext) => readonly RuleFinding[];
  readonly judge: (facts: ImageFacts, context: JudgingContext) => readonly RuleFinding[];
  /**
   * Of an image that it has nothing to say about: milliseconds since the epoch before which the clock alone does not
   * change that, with the same facts. -Infinity: nobody knows.
   */
  readonly cleanUntil: (facts: ImageFacts, now: number) => number;
}

/** A row of the table of rules. Made by `defineRule`. */
export interface Rule<Name extends SpecRule, Compiled> {
  readonly name: Name;
  /** undefined: the policy does not have the rule. */
  readonly compile: (spec: PolicySpec, compiling: Omit<Compiling, "spec">) => PolicyRule<Name, Compiled> | undefined;
}

/** All that there is to say of a rule: what it is compiled to, what it needs, how it judges. Pure, all of it. */
export interface RuleDefinition<Name extends SpecRule, Compiled> {
  /** Of the rule, and of its part of the specification. */
  readonly name: Name;
  readonly compile: (part: NonNullable<PolicySpec[Name]>, compiling: Compiling) => Compiled;
  /** Asked for every image, on the warm path. */
  readonly needs: (rule: Compiled, image: ImageContext & { readonly reference: Reference }) => Need;
  /** What the text alone says, before anybody is asked; of a reference, too, that parses only in part. */
  readonly judgeText?: (rule: Compiled, image: ImageContext) => readonly RuleFinding[];
  /** What the facts say that were needed. */
  readonly judge?: (rule: Compiled, facts: ImageFacts, context: JudgingContext) => readonly RuleFinding[];
  /** Absent: on the evidence alone. */
  readonly dependsOn?: (rule: Compiled) => Dependence;
  /** `PolicyRule.cleanUntil`. Absent: for ever, or, where it depends on the time, nobody knows. */
  readonly cleanUntil?: (rule: Compiled, facts: ImageFacts, now: number) => number;
}

/** Makes a row of the table. */
export function defineRule<Name extends SpecRule, Compiled>({
  name,
  compile,
  needs,
  judgeText = () => NOTHING,
  judge = () => NOTHING,
  dependsOn = () => EVIDENCE_ALONE,
  cleanUntil = (rule) => (dependsOn(rule).time === true ? -Infinity : Infinity),
}: RuleDefinition<Name, Compiled>): Rule<Name, Compiled> {
  return {
    name,
    compile: (spec, compiling) => {
      const part = spec[name];
      if (part === undefined) return undefined;
      const compiled = compile(part, { ...compiling, spec });
      return Object.freeze({
        name,
        compiled,
        dependsOn: dependsOn(compiled),
        needs: (image) => needs(compiled, image),
        judgeText: (image) => judgeText(compiled, image),
        judge: (facts, context) => judge(compiled, facts, context),
        cleanUntil: (facts, now) => cleanUntil(compiled, facts, now),
      });
    },
  };
}

const NOTHING: readonly RuleFinding[] = Object.freeze([]);
const EVIDENCE_ALONE: Dependence = Object.freeze({});
