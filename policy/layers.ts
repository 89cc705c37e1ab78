import type { CompiledPolicy } from "./compiledPolicy.ts";
import type { RuleName } from "./finding/finding.ts";
import { policiesFor } from "./judge.ts";
import type { ImageUse, Subject } from "./subject/subject.ts";

/** The layers by which images are decided on (design.md section 1). */
export const LAYERS = ["registries", "digest", "scan", "signatures"] as const;
export type Layer = (typeof LAYERS)[number];

/** A rule that could not be compiled refuses what it would have judged, so its layer is covered. */
const RULES: Readonly<Record<Layer, readonly RuleName[]>> = {
  registries: ["registries"],
  digest: ["digest"],
  scan: ["scan"],
  signatures: ["signatures", "attestations"],
};

/**
 * The layers by which no `deny` policy would refuse this image, whatever it is. `policies` are those whose
 * `matchesSubject` holds.
 *
 * A registries rule covers where an `allow` list of it holds: one that only denies says where an image must not come
 * from, not where it comes from. A digest rule covers where it requires one. Signatures cover, and so do
 * attestations, which are signed. Neither `onUnavailable` nor an exception uncovers anything: both are counted
 * elsewhere.
 */
export function uncoveredLayers(
  policies: readonly CompiledPolicy[],
  subject: Subject,
  image: ImageUse,
): readonly Layer[] {
  const denying = policiesFor(policies, image).filter(
    (policy) => policy.actionIn(subject.namespace, subject.namespaceLabels) === "deny",
  );
  return LAYERS.filter((layer) => !denying.some((policy) => covers(policy, layer, subject.namespace)));
}

function covers(policy: CompiledPolicy, layer: Layer, namespace: string): boolean {
  return policy.unjudged.some(({ rule }) => RULES[layer].includes(rule)) || decides(policy, layer, namespace);
}

function decides(policy: CompiledPolicy, layer: Layer, namespace: string): boolean {
  switch (layer) {
    case "registries":
      return (
        policy.registries !== undefined &&
        (policy.registries.allow !== undefined || policy.registries.namespaces.some(({ names }) => names(namespace)))
      );
    case "digest":
      return policy.digest?.required === true;
    case "scan":
      return policy.scan !== undefined;
    case "signatures":
      return policy.signatures !== undefined || policy.attestations !== undefined;
  }
}
