/** ARN of a signing profile of AWS Signer, or of one version of it. */
const PROFILE =
  /^arn:aws[a-z-]*:signer:([a-z0-9-]+):\d{12}:\/signing-profiles\/[A-Za-z0-9_]{2,64}(?:\/[A-Za-z0-9]{10})?$/;

/** The region of a signing profile; undefined for what is no ARN of one. */
export function regionOfProfile(arn: string): string | undefined {
  return PROFILE.exec(arn)?.[1];
}
