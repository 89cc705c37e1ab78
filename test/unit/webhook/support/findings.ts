import type { Decision } from "../../../../policy/finding/decision.ts";
import { decide } from "../../../../policy/finding/decide.ts";
import type { Finding } from "../../../../policy/finding/finding.ts";

/** A finding with this action. */
export const finding = (changes: Partial<Finding> = {}): Finding => {
  const { policy = "production", container = "c0", image = "nginx", reason = "DigestRequired" } = changes;
  return {
    policy,
    rule: "digest",
    reason,
    container,
    image,
    action: "deny",
    message: `[${policy}] container "${container}", image "${image}": ${reason}: uses a tag`,
    ...changes,
  };
};

/** The decision over these findings. */
export const decision = (...findings: readonly Finding[]): Decision => decide(findings, new Map());
