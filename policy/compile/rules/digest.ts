import type { Digest } from "../../../crds/types.ts";

export interface DigestRule {
  readonly required: boolean;
  readonly allowTag: boolean;
  readonly verify: boolean;
  readonly pin: "Never" | "Pods" | "All";
  readonly tagDrift: "Ignore" | "Report" | "Deny";
}

/** Compiles `spec.digest`; whatever is left out has the schema's default. */
export function compileDigest(spec: Digest): DigestRule {
  return {
    required: spec.required ?? true,
    allowTag: spec.allowTag ?? true,
    verify: spec.verify ?? false,
    pin: spec.pin ?? "Never",
    tagDrift: spec.tagDrift ?? "Ignore",
  };
}
