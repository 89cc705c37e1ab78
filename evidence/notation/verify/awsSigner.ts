import { createHash } from "node:crypto";
import type { AwsRevocationRequest } from "../proof.ts";
import { PLUGIN, PLUGIN_VERSION, PROFILE_VERSION, SIGNING_JOB } from "./attributes.ts";
import type { Certificate } from "./certificate.ts";
import { LIMITS } from "./envelope.ts";

/** What a signature of AWS Signer says of its origin, or why it is none. */
export type AwsOrigin =
  | { readonly status: "ok"; readonly profileVersion: string; readonly job: string }
  | { readonly status: "faulty"; readonly message: string };

const AWS_PLUGIN = "com.amazonaws.signer.notation.plugin";
/** What is done here is what the plugin does in its first major version (aws-signer-notation-plugin, internal/verifier). */
const SUPPORTED_VERSION = /^v?1\.\d+\.\d+$/;
const PROFILE_VERSION_ARN = /^arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:\/signing-profiles\/[A-Za-z0-9_]+\/[A-Za-z0-9]+$/;
const JOB_ARN = /^arn:aws[a-z-]*:signer:[a-z0-9-]+:\d{12}:\/signing-jobs\/[A-Za-z0-9-]+$/;

/** Reads the attributes that AWS Signer writes for its verification plugin. */
export const readAwsOrigin = (attributes: ReadonlyMap<string, unknown>): AwsOrigin => {
  const text = (name: string): string | undefined => {
    const value = attributes.get(name);
    return typeof value === "string" && value.length <= LIMITS.attribute ? value : undefined;
  };
  if (text(PLUGIN) !== AWS_PLUGIN) return { status: "faulty", message: "needs another plugin than AWS Signer's" };
  if (attributes.has(PLUGIN_VERSION) && !SUPPORTED_VERSION.test(text(PLUGIN_VERSION) ?? ""))
    return { status: "faulty", message: "needs a version of AWS Signer's plugin that is not known" };
  const [profileVersion, job] = [text(PROFILE_VERSION), text(SIGNING_JOB)];
  return profileVersion === undefined ||
    job === undefined ||
    !PROFILE_VERSION_ARN.test(profileVersion) ||
    !JOB_ARN.test(job)
    ? { status: "faulty", message: "does not name its signing profile and job" }
    : { status: "ok", profileVersion, job };
};

/** Whether a profile version is one of these: a profile stands for all of its versions, a version for itself. */
export const profileMatches = (arns: readonly string[], profileVersion: string): boolean => {
  const profile = profileVersion.slice(0, profileVersion.lastIndexOf("/"));
  return arns.some((arn) => arn === profileVersion || arn === profile);
};

/** Each certificate with its issuer, by SHA-384 over what was signed of it (API reference of GetRevocationStatus). */
export const awsQuestion = (
  { profileVersion, job }: { readonly profileVersion: string; readonly job: string },
  signedAt: number,
  chain: readonly Certificate[],
): AwsRevocationRequest => {
  const hashes = chain.map(({ toBeSigned }) => createHash("sha384").update(toBeSigned).digest("hex"));
  const certificateHashes = hashes.map((hash, index) => `${hash}${hashes[index + 1] ?? hash}`);
  return { profileVersion, job, signedAt, certificateHashes };
};
