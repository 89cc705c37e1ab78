import type { PolicySpec } from "../../crds/types.ts";
import type { AuthoritySet } from "../authority.ts";
import type { FieldFaults } from "./faults.ts";

/** A remark for the policy's author that does not make it unready. */
export interface PolicyAdvice {
  readonly type: "ForgeableSource" | "ScanAfterAdmission";
  readonly message: string;
}

/** What a rule is compiled with, beside its own part of the specification. */
export interface Compiling {
  /** The whole specification: what some parts mean depends on others. */
  readonly spec: PolicySpec;
  /** Of the rule's own part. */
  readonly faults: FieldFaults;
  /** The authorities of these names; one that the policy does not define is a fault of the field that names it. */
  readonly authorities: (names: readonly string[], field: FieldFaults) => AuthoritySet;
  readonly advise: (advice: PolicyAdvice) => void;
}
