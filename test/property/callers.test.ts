import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Gather, GatherRequest } from "../../evidence/provider.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import { parseReference } from "../../policy/image/reference.ts";
import { at, DAY, exception } from "../unit/policy/excepting.ts";
import { NOW, policy } from "../unit/policy/judging.ts";
import { image, spec } from "./arbitraries.ts";
import { admitted, audited, checked, messages, podOf } from "./threeCallers.ts";

/** What the registry says of an image, decided by its text: there, gone, other bytes, or nobody answers. */
const factsOf = ({ image: { parsed, image: text } }: GatherRequest): ImageFacts => {
  const digest = parsed.status === "ok" ? (parsed.reference.digest ?? `sha256:${"c".repeat(64)}`) : "";
  const say = Array.from(text).reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 4;
  const manifest: NonNullable<ImageFacts["manifest"]> =
    say === 0
      ? {
          status: "verified",
          value: {
            digest,
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            size: 1,
            annotations: {},
            platforms: [],
          },
        }
      : say === 1
        ? { status: "absent", message: "is not there" }
        : say === 2
          ? { status: "invalid", reason: "DigestMismatch", message: "other bytes" }
          : { status: "unavailable", cause: "network", message: "nobody answers" };
  return {
    digest: { status: "verified", value: digest },
    tag: { status: "verified", value: digest },
    manifest,
    running: { status: "verified", value: digest },
    signatures: new Map(),
    attestations: new Map(),
    scans: new Map(),
  };
};
const gather: Gather = factsOf;

const setting = fc.record({
  policies: fc
    .array(spec, { minLength: 1, maxLength: 4 })
    .map((specs) => specs.map((one, index): CompiledPolicy => policy(one, `p${index}`))),
  exceptions: fc
    .array(
      fc.record({
        policies: fc.constantFrom(["*"], ["p0"], ["p1", "p2"]),
        rules: fc.constantFrom(["All" as const], ["registries" as const], ["digest" as const, "reference" as const]),
        match: fc.constantFrom(
          { namespaces: ["team"] },
          { images: ["a.test/**"] },
          { namespaces: ["te*"], images: ["**"] },
        ),
        expires: fc.constantFrom(at(NOW + DAY), at(NOW - DAY)),
      }),
      { maxLength: 2 },
    )
    .map((specs) => specs.map((one, index): CompiledException => exception(one, `e${index}`))),
  images: fc.array(image, { minLength: 1, maxLength: 4 }),
  namespace: fc.constantFrom("team", "tea", "other"),
});

describe("admission, audits and check", () => {
  it("give the same verdict and the same words: admission and check, of every pod", async () => {
    await fc.assert(
      fc.asyncProperty(setting, async (one) => {
        const object = podOf(one.images, one.namespace);
        const [admission, check] = [await admitted(object, one, gather), await checked(object, one, gather)];
        assert.equal(check.verdict, admission.verdict);
        for (const action of ["deny", "warn", "dryrun", "allow"] as const)
          assert.deepEqual(messages(check.findings, action), messages(admission.findings, action), action);
      }),
      { numRuns: 400 },
    );
  }).timeout(60_000);

  it("give the same verdict and the same words: audits and check, of pods that run by digest", async () => {
    await fc.assert(
      fc.asyncProperty(setting, async (one) => {
        // A tag is judged by what runs under it in audits, and by what it names at admission.
        const images = one.images.filter((text) => {
          const read = parseReference(text);
          return read.status === "ok" && read.reference.digest !== undefined && read.reference.tag === undefined;
        });
        if (images.length === 0) return;
        const object = podOf(images, one.namespace);
        const [audit, check] = [await audited(object, one, gather), await checked(object, one, gather)];
        for (const action of ["deny", "warn"] as const)
          assert.deepEqual(messages(check.findings, action), messages(audit, action), action);
      }),
      { numRuns: 400 },
    );
  }).timeout(60_000);
});
