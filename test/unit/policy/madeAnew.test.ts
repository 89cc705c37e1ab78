import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import { createReview } from "../../../engine/review.ts";
import { judgementOf } from "../../../operator/audit/judgement.ts";
import { exemptionsOf } from "../../../policy/exceptions/exempt.ts";
import type { ImageFacts, ScanOutcome } from "../../../policy/facts/facts.ts";
import { exception } from "./excepting.ts";
import { DIGEST, facts, NOW, policy, subject } from "./judging.ts";

const TAG = "registry.company.com/app:1";
const PINNED = `${TAG}@${DIGEST}`;
const REPORTS = { sources: [{ vulnerabilityReport: { grace: "1h" } }] };
const stale: ScanOutcome = {
  status: "verified",
  value: [{ reports: [{ scanner: "Trivy", scannedAt: "2020-01-01T00:00:00Z", vulnerabilities: [] }] }],
};
const missing: ScanOutcome = { status: "absent", message: "there is none" };

interface Case {
  readonly specs: Readonly<Record<string, PolicySpec>>;
  readonly image?: string;
  readonly scan?: ScanOutcome;
  readonly imageID?: string;
  readonly excepted?: boolean;
  readonly refused: boolean;
}

const cases: Readonly<Record<string, Case>> = {
  "a tag where a digest is required": { specs: { p: { digest: {} } }, refused: true },
  "the same, warned of": { specs: { p: { digest: {}, enforcementAction: "warn" } }, refused: false },
  "the same, excepted": { specs: { p: { digest: {} } }, excepted: true, refused: false },
  "a tag that its policy pins": { specs: { p: { digest: { pin: "Pods" } } }, refused: false },
  "a tag that another policy pins": {
    specs: { p: { digest: {} }, q: { digest: { required: false, pin: "Pods" }, audit: { enabled: false } } },
    refused: false,
  },
  "a tag that a dryrun policy would pin": {
    specs: { p: { digest: {} }, q: { digest: { pin: "Pods" }, enforcementAction: "dryrun" } },
    refused: true,
  },
  "a pinned tag from a registry that is not allowed": {
    specs: { p: { digest: { pin: "Pods" }, registries: { allow: ["ghcr.io"] } } },
    refused: true,
  },
  "a stale scan": { specs: { p: { scan: { maxAge: "1d" } } }, image: PINNED, scan: stale, refused: true },
  "a stale scan of what runs, where that is enough": {
    specs: { p: { scan: { maxAge: "1d", runningImages: "Warn" } } },
    image: PINNED,
    scan: stale,
    imageID: `registry.company.com/app@${DIGEST}`,
    refused: false,
  },
  "the same before a kubelet says that it runs": {
    specs: { p: { scan: { maxAge: "1d", runningImages: "Warn" } } },
    image: PINNED,
    scan: stale,
    refused: true,
  },
  "no scan yet, with grace": { specs: { p: { scan: REPORTS } }, image: PINNED, scan: missing, refused: false },
  "no scan, without grace": {
    specs: { p: { scan: { sources: [{ vulnerabilityReport: {} }] } } },
    image: PINNED,
    scan: missing,
    refused: true,
  },
};

describe("a pod that is made anew", () => {
  for (const [why, { specs, image = TAG, scan, imageID, excepted = false, refused }] of Object.entries(cases))
    it(`${why}: ${refused ? "refused" : "let in"}, as the audit said`, async () => {
      const policies = Object.entries(specs).map(([name, spec]) => policy(spec, name));
      const exceptions = excepted ? [exception()] : [];
      const gathered: ImageFacts = facts({
        digest: { status: "verified", value: DIGEST },
        runsAlready: imageID !== undefined,
        scans: new Map(
          policies.flatMap((one) => (one.scan?.sources ?? []).map(({ id }) => [id, scan ?? missing] as const)),
        ),
      });
      const review = createReview(() => gathered);
      const judge = async (mode: "audit" | "admission", pod: ReturnType<typeof subject>) =>
        review({
          policies,
          exceptions,
          subject: pod,
          mode,
          signal: new AbortController().signal,
          now: NOW,
          dryRun: false,
        });

      const old = { ...subject([image], imageID === undefined ? {} : { imageID }), createdAt: "2020-01-01T00:00:00Z" };
      const judgement = judgementOf(
        await judge("audit", old),
        policies.filter(({ audited }) => audited),
        { policies, subject: old, exempt: exemptionsOf(exceptions, old, NOW) },
      );
      assert.equal(
        judgement.some(({ refusesAnew }) => refusesAnew),
        refused,
        "the audit",
      );

      // What the mutating webhook makes of it.
      const pins = policies.some(({ digest, actionIn }) => digest?.pin === "Pods" && actionIn("team", {}) !== "dryrun");
      const anew = subject([pins ? PINNED : image]);
      assert.equal((await judge("admission", anew)).verdict === "deny", refused, "admission");
    });
});
