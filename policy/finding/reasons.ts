import type { Reason } from "./finding.ts";

/** What a reason means to whoever meets it. */
export interface ReasonText {
  readonly found: string;
  readonly why: string;
  readonly todo: string;
}

/** Every reason there is, in the order in which rules speak; docs/reasons.md is made of it (`npm run generate`). */
export const REASONS: Readonly<Record<Reason, ReasonText>> = {
  ImageMalformed: {
    found: "The image is no reference that can be read in one way only, or its manifest cannot be used.",
    why: "A runtime might read it as something that no rule has judged. Every policy that could be about it says so.",
    todo: "Write registry/repository@sha256:DIGEST, hosts in ASCII; build an image again whose manifest is at fault.",
  },
  RegistryNotAllowed: {
    found: "No pattern of `registries.allow`, or of an entry of `registries.namespaces` for this namespace, matches.",
    why: "An image from elsewhere has passed none of the checks that your own registry stands for.",
    todo: "Copy the image to an allowed registry, or have the policy's author allow its repository.",
  },
  RegistryDenied: {
    found: "A pattern of `registries.deny` matches; it wins over `allow`.",
    why: "The registry was ruled out by name.",
    todo: "Take the image from an allowed registry.",
  },
  LookalikeRegistry: {
    found: "The registry is not allowed, and its name is nearly that of one that is.",
    why: "Names that differ by a letter are how people are led to a stranger's registry.",
    todo: "Correct the name. Did somebody else write it? Find out who.",
  },
  DigestRequired: {
    found: "The image is named by a tag, or by nothing, where the policy wants a digest.",
    why: "A tag may name another image tomorrow; a digest is the very image that was approved.",
    todo: "Write name@sha256:DIGEST (`crane digest NAME`, `image-security migrate`), or have the policy pin.",
  },
  DigestMalformed: {
    found: "All of the reference can be read but its digest.",
    why: "No registry can serve it.",
    todo: "Write sha256: and 64 hexadecimal digits.",
  },
  TagForbidden: {
    found: "A tag stands beside the digest, and the policy has `digest.allowTag: false`.",
    why: "The tag is not what decides, and may say something that is no longer so.",
    todo: "Leave the tag out.",
  },
  DigestNotFound: {
    found: "The registry does not have this digest, or this tag.",
    why: "The image cannot be what was approved, and no node could pull it.",
    todo: "Push the image, or correct the reference.",
  },
  DigestMismatch: {
    found: "The registry served other bytes than the digest stands for.",
    why: "The registry, or something before it, is broken or hostile.",
    todo: "Do not deploy. Look at the registry, its storage and mirrors.",
  },
  TagDrift: {
    found: "The tag beside the digest, or the tag of what runs, names another digest now, or nothing.",
    why: "Somebody has moved the tag since this was approved.",
    todo: "Deploy the digest that the tag names now, or restore the tag.",
  },
  TagNotPinned: {
    found: "A rule that judges content met a tag, and no matching policy pins it.",
    why: "The verdict would hold for bytes that the node may never pull.",
    todo: "Write the digest, or have a policy pin (`digest.pin: Pods`).",
  },
  ScanMissing: {
    found: "No source of `scan.sources` has a report for this image.",
    why: "Nobody knows whether it can be exploited.",
    todo: "Scan the image and publish the report where the policy looks for it (docs/scans.md).",
  },
  ScanInvalid: {
    found: "There is a report, and it cannot be used: malformed, about no image, without a date, or dated ahead.",
    why: "What cannot be read proves nothing, and must not hide a report that can.",
    todo: "Scan again with a scanner and a format of docs/scans.md.",
  },
  ScanMismatch: {
    found: "The report is about another image.",
    why: "Somebody took a good image's report for this one, by mistake or not.",
    todo: "Scan this very image, by its digest.",
  },
  ScanStale: {
    found: "The report is older than `scan.maxAge`.",
    why: "Vulnerabilities have become known since.",
    todo: "Scan the image again; scan regularly.",
  },
  ScanVulnerable: {
    found: "The report counts more vulnerabilities than allowed, one above `maxCVSS`, or one of `denyCVEs`.",
    why: "The image is known to be exploitable.",
    todo: "Update the packages or the base image. Not reachable? `allowCVEs` with a reason, or VEX.",
  },
  ScanScoreLow: {
    found: "The scan score is below `scan.minScore`.",
    why: "Many small vulnerabilities count as well.",
    todo: "Update the packages or the base image.",
  },
  SignatureMissing: {
    found: "Nothing that has a signature's form was found for this image.",
    why: "Nobody stands for it.",
    todo: "Sign the digest that you deploy (`cosign sign`), and push the signature to where the policy looks.",
  },
  SignatureInvalid: {
    found: "There is a signature, and it cannot be what it says: malformed, or about another digest.",
    why: "It was damaged, or copied from another image.",
    todo: "Sign this digest again.",
  },
  SignatureUntrusted: {
    found: "A signature is well formed, but of nobody whom the policy trusts, or lacks what the authority demands.",
    why: "Anybody can sign; what counts is who.",
    todo: "Compare the signer in the message with `authorities`: key, identity, annotations, level.",
  },
  TransparencyMissing: {
    found: "A signature has no entry in a transparency log, or no signed time where one is needed instead.",
    why: "Without it nobody would see a stolen key at work, or know when it signed.",
    todo: "Sign with the log, or say `transparencyLog: Ignored` for an authority that has none.",
  },
  AttestationMissing: {
    found: "There is no attestation of the wanted predicate type.",
    why: "Nobody says how the image was built, or tested.",
    todo: "Attest it where it is built (`cosign attest`, GitHub's attest-build-provenance).",
  },
  AttestationInvalid: {
    found: "There is an attestation, and it cannot be what it says: malformed, or about another digest.",
    why: "It was damaged, or copied from another image.",
    todo: "Attest this digest again.",
  },
  AttestationUntrusted: {
    found: "An attestation is well formed, but of nobody whom the policy trusts.",
    why: "Anybody can attest; what counts is who.",
    todo: "Compare the signer in the message with the policy's `authorities`.",
  },
  AttestationRejected: {
    found: "A trusted attestation says something that a condition or `maxAge` refuses, or a condition failed.",
    why: "The image was built otherwise than it may be.",
    todo: "Read the condition's message; build as it asks for.",
  },
  BaseImageUnknown: {
    found: "The image does not say what it was built on, or says it in a way that cannot be used.",
    why: "What is below an image is a part of it.",
    todo: "Build with annotations of the base image, or with provenance.",
  },
  BaseImageNotAllowed: {
    found: "The image was built on one that no pattern of `baseImages.allow` matches.",
    why: "What is below an image is a part of it.",
    todo: "Build it on an allowed base image.",
  },
  BaseImageDeprecated: {
    found: "The image was built on one that `baseImages.deprecated` names.",
    why: "It gets no fixes any more, or is to be replaced.",
    todo: "Build it on the replacement that the message names.",
  },
  EvidenceUnavailable: {
    found: "Something that the rule needs could not be had, or the policy itself is at fault.",
    why: "Could not tell is not no: time and network are settled by `onUnavailable`, faults by the action.",
    todo: "The message names what failed: a registry, a key, a limit. `kubectl get isp -o wide` says what the policy lacks.",
  },
};
