import assert from "node:assert/strict";
import { POLICY_SCHEMA } from "../../../crds/policySchema.ts";
import type { StructuralSchema } from "../../../crds/structuralSchema.ts";
import type { PolicySpec } from "../../../crds/types.ts";
import type { ImageFacts } from "../../../policy/facts/facts.ts";
import { DIGEST, OTHER_DIGEST, facts, judge, policy, subject, verdicts, type Place } from "./judging.ts";

interface Scene {
  readonly image?: string;
  readonly place?: Place;
  readonly facts?: Partial<ImageFacts>;
  readonly mode?: "admission" | "audit";
  /** A second policy beside the one whose field changes. */
  readonly beside?: PolicySpec;
}

const DENY_ALL: PolicySpec = { registries: { allow: [] } };
const DOWN = { status: "unavailable", cause: "timeout", message: "no answer" } as const;
const PINNED = `a.b/app:v1@${DIGEST}`;
const TAGGED = "a.b/app:v1";

/** Two specifications that differ in one field, and a scene in which that makes a difference (CVE-2025-29778: fields that were ignored). */
const FLIPS: Readonly<Record<string, readonly [PolicySpec, PolicySpec, Scene?]>> = {
  enforcementAction: [DENY_ALL, { ...DENY_ALL, enforcementAction: "warn" }],
  "enforcementOverrides.namespaces": [
    { ...DENY_ALL, enforcementOverrides: [{ namespaces: ["team"], action: "warn" }] },
    { ...DENY_ALL, enforcementOverrides: [{ namespaces: ["other"], action: "warn" }] },
  ],
  "enforcementOverrides.namespaceSelector.matchLabels": [
    { ...DENY_ALL, enforcementOverrides: [{ namespaceSelector: { matchLabels: { env: "dev" } }, action: "warn" }] },
    { ...DENY_ALL, enforcementOverrides: [{ namespaceSelector: { matchLabels: { env: "prod" } }, action: "warn" }] },
    { place: { namespaceLabels: { env: "dev" } } },
  ],
  "enforcementOverrides.namespaceSelector.matchExpressions.key": selectorFlip(
    "override",
    { key: "env" },
    { key: "stage" },
  ),
  "enforcementOverrides.namespaceSelector.matchExpressions.operator": selectorFlip(
    "override",
    { operator: "In" },
    { operator: "NotIn" },
  ),
  "enforcementOverrides.namespaceSelector.matchExpressions.values": selectorFlip(
    "override",
    { values: ["dev"] },
    { values: ["prod"] },
  ),
  "enforcementOverrides.action": [
    { ...DENY_ALL, enforcementOverrides: [{ namespaces: ["team"], action: "warn" }] },
    { ...DENY_ALL, enforcementOverrides: [{ namespaces: ["team"], action: "dryrun" }] },
  ],
  onUnavailable: [
    { digest: { verify: true }, onUnavailable: "deny" },
    { digest: { verify: true }, onUnavailable: "allow" },
    { facts: { manifest: DOWN } },
  ],
  "match.namespaces": [
    { ...DENY_ALL, match: { namespaces: ["team"] } },
    { ...DENY_ALL, match: { namespaces: ["other"] } },
  ],
  "match.excludeNamespaces": [
    { ...DENY_ALL, match: { excludeNamespaces: ["team"] } },
    { ...DENY_ALL, match: { excludeNamespaces: ["other"] } },
  ],
  "match.namespaceSelector.matchLabels": [
    { ...DENY_ALL, match: { namespaceSelector: { matchLabels: { env: "dev" } } } },
    { ...DENY_ALL, match: { namespaceSelector: { matchLabels: { env: "prod" } } } },
    { place: { namespaceLabels: { env: "dev" } } },
  ],
  "match.namespaceSelector.matchExpressions.key": selectorFlip("namespace", { key: "env" }, { key: "stage" }),
  "match.namespaceSelector.matchExpressions.operator": selectorFlip(
    "namespace",
    { operator: "In" },
    { operator: "NotIn" },
  ),
  "match.namespaceSelector.matchExpressions.values": selectorFlip(
    "namespace",
    { values: ["dev"] },
    { values: ["prod"] },
  ),
  "match.objectSelector.matchLabels": [
    { ...DENY_ALL, match: { objectSelector: { matchLabels: { env: "dev" } } } },
    { ...DENY_ALL, match: { objectSelector: { matchLabels: { env: "prod" } } } },
    { place: { labels: { env: "dev" } } },
  ],
  "match.objectSelector.matchExpressions.key": selectorFlip("object", { key: "env" }, { key: "stage" }),
  "match.objectSelector.matchExpressions.operator": selectorFlip("object", { operator: "In" }, { operator: "NotIn" }),
  "match.objectSelector.matchExpressions.values": selectorFlip("object", { values: ["dev"] }, { values: ["prod"] }),
  "match.images": [
    { ...DENY_ALL, match: { images: ["a.b"] } },
    { ...DENY_ALL, match: { images: ["c.d"] } },
  ],
  "match.excludeImages": [
    { ...DENY_ALL, match: { excludeImages: ["a.b"] } },
    { ...DENY_ALL, match: { excludeImages: ["c.d"] } },
  ],
  "match.workloads": [DENY_ALL, { ...DENY_ALL, match: { workloads: "Pods" } }, { place: { kind: "Deployment" } }],
  "registries.allow": [{ registries: { allow: ["a.b"] } }, { registries: { allow: ["c.d"] } }],
  "registries.deny": [{ registries: { deny: ["a.b"] } }, { registries: { deny: ["c.d"] } }],
  "registries.namespaces.names": [
    { registries: { namespaces: [{ names: ["team"], allow: [] }] } },
    { registries: { namespaces: [{ names: ["other"], allow: [] }] } },
  ],
  "registries.namespaces.allow": [
    { registries: { namespaces: [{ names: ["team"], allow: ["a.b"] }] } },
    { registries: { namespaces: [{ names: ["team"], allow: ["c.d"] }] } },
  ],
  "digest.required": [{ digest: {} }, { digest: { required: false } }, { image: TAGGED }],
  "digest.allowTag": [{ digest: {} }, { digest: { allowTag: false } }],
  "digest.verify": [
    { digest: {} },
    { digest: { verify: true } },
    { facts: { manifest: { status: "absent", message: "none" } } },
  ],
  "digest.pin": [
    { digest: { required: false } },
    { digest: { required: false, pin: "Pods" } },
    { image: TAGGED, place: { kind: "Deployment" }, beside: { digest: {} } },
  ],
  "digest.tagDrift": [
    { digest: {} },
    { digest: { tagDrift: "Deny" } },
    { facts: { tag: { status: "verified", value: OTHER_DIGEST } } },
  ],
  "audit.enabled": [DENY_ALL, { ...DENY_ALL, audit: { enabled: false } }, { mode: "audit" }],
};

type Requirement = { key: string; operator: "In" | "NotIn"; values: string[] };

function selectorFlip(
  where: "override" | "namespace" | "object",
  one: Partial<Requirement>,
  other: Partial<Requirement>,
): readonly [PolicySpec, PolicySpec, Scene] {
  const spec = (some: Partial<Requirement>): PolicySpec => {
    const selector = { matchExpressions: [{ key: "env", operator: "In" as const, values: ["dev"], ...some }] };
    if (where === "override")
      return { ...DENY_ALL, enforcementOverrides: [{ namespaceSelector: selector, action: "warn" }] };
    return {
      ...DENY_ALL,
      match: where === "namespace" ? { namespaceSelector: selector } : { objectSelector: selector },
    };
  };
  const labels = { env: "dev" };
  return [spec(one), spec(other), { place: where === "object" ? { labels } : { namespaceLabels: labels } }];
}

/** The layers whose fields are tested where their evidence is. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "scan",
  "authorities",
  "signatures",
  "attestations",
  "baseImages",
  "registryCredentials",
]);

/** The fields of a schema that hold no further fields. */
function leaves(schema: StructuralSchema, path: string): readonly string[] {
  if (schema.items !== undefined) return leaves(schema.items, path);
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([name, one]) =>
    leaves(one, path === "" ? name : `${path}.${name}`),
  );
}

describe("every field", () => {
  const verdict = (
    spec: PolicySpec,
    { image = PINNED, place = {}, facts: some = {}, mode = "admission", beside }: Scene,
  ): readonly string[] => {
    const policies = [policy(spec, "a"), ...(beside === undefined ? [] : [policy(beside, "b")])];
    for (const { faults } of policies) assert.deepEqual(faults, []);
    return verdicts(judge(policies, subject([image], place), () => facts(some), mode));
  };

  for (const [field, [one, other, scene = {}]] of Object.entries(FLIPS)) {
    it(`${field} can flip a verdict`, () => assert.notDeepEqual(verdict(one, scene), verdict(other, scene)));
  }

  it("of these layers has a test here", () => {
    const mine = leaves(POLICY_SCHEMA, "").filter((path) => !ELSEWHERE.has(path.split(".", 1)[0] ?? ""));
    assert.deepEqual(
      mine.filter((path) => !(path in FLIPS)),
      [],
    );
    assert.deepEqual(
      Object.keys(FLIPS).filter((path) => !mine.includes(path)),
      [],
    );
  });
});
