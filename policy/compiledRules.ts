import type { CompiledAuthority } from "./authority.ts";
import type { ImagePattern } from "./image/pattern.ts";
import type { Severity } from "./facts/scanReport.ts";

/** A list of image patterns; `faulty` says which of them could not be read. */
export interface PatternList {
  readonly patterns: readonly ImagePattern[];
  /** Absent: all could. What none of the others matches cannot be judged then. */
  readonly faulty?: string;
}

export interface RegistriesRule {
  /** undefined: no allowlist; empty: nothing is allowed. */
  readonly allow: PatternList | undefined;
  readonly deny: PatternList;
  readonly namespaces: readonly {
    readonly names: (namespace: string) => boolean;
    readonly allow: PatternList;
  }[];
}

export interface DigestRule {
  readonly required: boolean;
  readonly allowTag: boolean;
  readonly verify: boolean;
  readonly pin: "Never" | "Pods" | "All";
  readonly tagDrift: "Ignore" | "Report" | "Deny";
}

/**
 * The authorities that a content rule counts. A named authority whose compilation failed is in `faulty`:
 * the rule then answers EvidenceUnavailable (configuration) unless enough others hold.
 */
export interface AuthoritySet {
  readonly trusted: readonly CompiledAuthority[];
  readonly faulty: readonly { readonly name: string; readonly message: string }[];
}

/** Whose word a rule needs. */
export interface Quorum {
  readonly authorities: AuthoritySet;
  /** So many are needed, each with a signer of its own. */
  readonly count: number;
  /** No number is written: every one of them is needed, those too that share a key and count once. */
  readonly everyone: boolean;
}

export type SignaturesRule = Quorum;

/** A CEL condition, parsed. `check` gives undefined where it holds, else why not; it never throws. */
export interface CompiledCondition {
  readonly expression: string;
  readonly message: string;
  readonly check: (context: {
    readonly predicate: unknown;
    readonly statement: unknown;
    readonly image: unknown;
  }) => string | undefined;
}

export interface AttestationRule extends Quorum {
  /** Full URI; short names are expanded by the compiler. */
  readonly predicateType: string;
  /** Milliseconds. */
  readonly maxAge?: number;
  readonly conditions: readonly CompiledCondition[];
  /** What is wrong with the rule itself (an expression that does not compile): it then answers as a configuration fault. */
  readonly fault?: string;
}

export type ScanSource =
  | { readonly type: "attestation"; readonly id: string; readonly authorities: AuthoritySet }
  | { readonly type: "imageAnnotation"; readonly id: string; readonly key: string }
  | {
      readonly type: "vulnerabilityReport";
      readonly id: string;
      readonly namespaces: (namespace: string) => boolean;
      /** Milliseconds. */
      readonly grace: number;
    }
  | { readonly type: "podAnnotation"; readonly id: string; readonly key: string };

export interface ScanRule {
  readonly sources: readonly ScanSource[];
  readonly maxVulnerabilities: Readonly<Partial<Record<Severity, number>>>;
  readonly onlyFixable: boolean;
  /** Milliseconds. */
  readonly maxAge?: number;
  readonly minScore?: number;
  readonly maxCVSS?: number;
  /** Ids in upper case. */
  readonly denyCVEs: ReadonlySet<string>;
  /** By id in upper case; `expires` in milliseconds since the epoch. */
  readonly allowCVEs: ReadonlyMap<string, { readonly reason: string; readonly expires?: number }>;
  readonly vex?: AuthoritySet;
  readonly runningImages: "Deny" | "Warn";
  /** A part that did not compile: the rule answers EvidenceUnavailable (configuration). */
  readonly fault?: string;
}

export interface BaseImagesRule {
  readonly allow: readonly ImagePattern[] | undefined;
  readonly deprecated: readonly { readonly image: ImagePattern; readonly replacement: string }[];
  readonly required: boolean;
  /** Only attested provenance counts where it is set. */
  readonly authorities?: AuthoritySet;
  /** A part that did not compile: the rule answers EvidenceUnavailable (configuration). */
  readonly fault?: string;
}
