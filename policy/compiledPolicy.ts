import type { PolicySpec } from "../crds/types.ts";
import type { CompiledAuthority } from "./authority.ts";
import type { PolicyAdvice } from "./compile/compiling.ts";
import type { PolicyFault } from "./compile/faults.ts";
import type { EnforcementAction, RuleName } from "./finding/finding.ts";
import type { ImagePattern } from "./image/pattern.ts";
import type { Reference } from "./image/reference.ts";
import type { PolicyRule } from "./rules/rule.ts";
import type { CompiledRules } from "./rules/table.ts";
import type { Subject } from "./subject/subject.ts";

/**
 * A rule that the policy asks for and that could not be compiled, whole or in part: what the rest of it does not refuse
 * already is EvidenceUnavailable (configuration) for every image that it would have judged.
 */
export interface UnjudgedRule {
  readonly rule: RuleName;
  readonly message: string;
}

/**
 * A policy, ready to judge, with what each of its rules is compiled to under the rule's name. Frozen; made by
 * `compilePolicy`.
 */
export interface CompiledPolicy extends CompiledRules {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** What it was compiled from, with the schema's defaults, and without what could not be read. */
  readonly spec: PolicySpec;
  /**
   * Hash of the specification, of every key, certificate and root it resolved to, and of `lookAgain`: equal keys judge
   * equally.
   */
  readonly key: string;
  /** What its author wrote to have everything looked at anew: another text, no kept answer from before. */
  readonly lookAgain?: string;
  readonly onUnavailable: "deny" | "warn" | "allow";
  /** The action in force in a namespace: the first override that names it, else `enforcementAction`. */
  readonly actionIn: (namespace: string, labels: Subject["namespaceLabels"]) => EnforcementAction;
  /** The actions of its overrides, each once, sorted. */
  readonly overriddenBy: readonly EnforcementAction[];
  /** Namespaces, selectors and workloads. `match.images` is asked separately, image by image. */
  readonly matchesSubject: (subject: Subject) => boolean;
  /** undefined: the reference does not parse, and the policy's match could hold for it. */
  readonly matchesImage: (reference: Reference | undefined) => boolean;
  /** The rules that the policy has, in the order of the table. */
  readonly rules: readonly PolicyRule[];
  /** At most one for each rule; a faulty pattern of `registries` is in that rule itself. */
  readonly unjudged: readonly UnjudgedRule[];
  /** By name, in the order of the policy; those with faults are left out and their users carry the fault. */
  readonly authorities: ReadonlyMap<string, CompiledAuthority>;
  /** Pull secrets that this policy lends to the repositories it matches. */
  readonly credentials: readonly {
    /** A dockerconfigjson. */
    readonly dockerConfig: string;
  }[];
  readonly audited: boolean;
  readonly faults: readonly PolicyFault[];
  readonly advice: readonly PolicyAdvice[];
  /** Registry hosts that the policy names literally: they bound the `registry` metric label and own credentials. */
  readonly registryHosts: ReadonlySet<string>;
  /** `match.images` and the like, for credentials that serve only repositories a policy names. */
  readonly namedPatterns: readonly ImagePattern[];
}
