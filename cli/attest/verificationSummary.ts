import { createHash } from "node:crypto";
import { PackageURL } from "packageurl-js";
import about from "../../package.json" with { type: "json" };
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { PassedImage } from "./passedImages.ts";

/** https://slsa.dev/spec/v1.1/verification_summary */
export const VERIFICATION_SUMMARY = "https://slsa.dev/verification_summary/v1";

/** Whoever verifies a summary compares this with what they expect (slsa.dev, "How to verify"). */
export const VERIFIER = "https://imagesecurity.dev/check";
const POLICIES = "https://imagesecurity.dev/v1/imagesecuritypolicies";
/** What may stand in `verifiedLevels` beside SLSA's own levels, one for each rule that the image passed. */
const LEVEL = "IMAGE_SECURITY";

/** An in-toto statement: this digest passed these policies. `now` in milliseconds since the epoch. */
export const verificationSummary = ({ reference, policies, inputs }: PassedImage, now: number): object => {
  const { name, repository, digest } = reference;
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name, digest: digestSet(digest) }],
    predicateType: VERIFICATION_SUMMARY,
    predicate: {
      verifier: { id: VERIFIER, version: { [about.name]: about.version } },
      timeVerified: new Date(now).toISOString(),
      resourceUri: new PackageURL(
        "oci",
        undefined,
        repository.split("/").at(-1) ?? "",
        digest,
        { repository_url: name },
        undefined,
      ).toString(),
      policy: policyOf(policies),
      inputAttestations: inputs.map((input) => ({
        digest: digestSet(input),
        mediaType: "application/vnd.in-toto+json",
      })),
      verificationResult: "PASSED",
      // The policies ask their own questions: which build level their answers come to is for whoever wrote them to say.
      verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED", ...levelsOf(policies)],
      slsaVersion: "1.1",
    },
  };
};

/** A resource descriptor has room for one policy, so several are one: each with its key, in the order of their names. */
const policyOf = (policies: readonly CompiledPolicy[]): object => {
  const lines = policies.map(({ name, key }) => `${name} ${key}\n`);
  return {
    uri: `${POLICIES}/${policies.map(({ name }) => name).join(",")}`,
    digest: { sha256: createHash("sha256").update(lines.join("")).digest("hex") },
    annotations: Object.fromEntries(policies.map(({ name, key }) => [name, { sha256: key }])),
  };
};

const levelsOf = (policies: readonly CompiledPolicy[]): readonly string[] =>
  [...new Set(policies.flatMap(({ rules }) => rules.map(({ name }) => name)))]
    .map((rule) => `${LEVEL}_${rule.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`)
    .toSorted();

/** `sha256:<hex>` as in-toto writes it. */
const digestSet = (digest: string): Readonly<Record<string, string>> => {
  const [algorithm = "", hex = ""] = digest.split(":");
  return { [algorithm]: hex };
};
