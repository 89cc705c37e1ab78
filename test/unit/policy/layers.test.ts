import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import { uncoveredLayers } from "../../../policy/layers.ts";
import { policy, subject } from "./judging.ts";

const KEY = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
const SIGNED = { authorities: [{ name: "a", key: { pem: KEY } }], signatures: { authorities: ["a"] } };
const ALL = "registries digest scan signatures";

const cases: readonly (readonly [why: string, specs: readonly PolicySpec[], uncovered: string])[] = [
  ["without a policy nothing is covered", [], ALL],
  ["an allow list", [{ registries: { allow: ["ghcr.io"] } }], "digest scan signatures"],
  ["an empty allow list refuses everything", [{ registries: { allow: [] } }], "digest scan signatures"],
  [
    "a deny list says where it must not come from, not where it comes from",
    [{ registries: { deny: ["ghcr.io"] } }],
    ALL,
  ],
  [
    "a list for this namespace",
    [{ registries: { namespaces: [{ names: ["te*"], allow: ["ghcr.io"] }] } }],
    "digest scan signatures",
  ],
  ["a list for another namespace", [{ registries: { namespaces: [{ names: ["prod"], allow: ["ghcr.io"] }] } }], ALL],
  ["a digest that is required", [{ digest: {} }], "registries scan signatures"],
  ["a digest that is looked at where there is one", [{ digest: { required: false, verify: true } }], ALL],
  ["a scan", [{ scan: { minScore: 1 } }], "registries digest signatures"],
  [
    "a scan that lets in what cannot be asked",
    [{ scan: { minScore: 1 }, onUnavailable: "allow" }],
    "registries digest signatures",
  ],
  ["a signature, though its key cannot be read: then it refuses", [SIGNED], "registries digest scan"],
  [
    "an attestation, which is signed",
    [
      {
        authorities: SIGNED.authorities,
        attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["a"] }],
      },
    ],
    "registries digest scan",
  ],
  ["what only warns", [{ digest: {}, enforcementAction: "warn" }], ALL],
  ["what is dryrun", [{ digest: {}, enforcementAction: "dryrun" }], ALL],
  ["what only warns here", [{ digest: {}, enforcementOverrides: [{ namespaces: ["team"], action: "warn" }] }], ALL],
  [
    "what denies here only",
    [{ digest: {}, enforcementAction: "dryrun", enforcementOverrides: [{ namespaces: ["team"], action: "deny" }] }],
    "registries scan signatures",
  ],
  ["a policy about other images", [{ digest: {}, match: { images: ["ghcr.io/**"] } }], ALL],
  ["what no audit looks at still refuses", [{ digest: {}, audit: { enabled: false } }], "registries scan signatures"],
  [
    "several together",
    [{ digest: {} }, { registries: { allow: ["ghcr.io"] } }, { scan: { minScore: 1 } }],
    "signatures",
  ],
];

describe("the layers that no deny policy covers", () => {
  for (const [why, specs, uncovered] of cases)
    it(why, () => {
      const pod = subject(["registry.company.com/app:1"]);
      const policies = specs.map((spec, index) => policy(spec, `p${index}`)).filter((one) => one.matchesSubject(pod));
      assert.equal(uncoveredLayers(policies, pod, pod.images[0]!).join(" "), uncovered);
    });
});
