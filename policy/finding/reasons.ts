import type { Reason } from "./finding.ts";

/** What a reason means to whoever meets it. */
export interface ReasonText {
  readonly found: string;
  readonly why: string;
  readonly todo: string;
  /** The line that somebody reads who meets it, digests cut to 12 digits. A test has the engine say it. */
  readonly example: string;
}

/** Every reason there is, in the order in which rules speak; docs/reasons.md is made of it (`npm run generate`). */
export const REASONS: Readonly<Record<Reason, ReasonText>> = {
  ImageMalformed: {
    found: "The image is no reference that can be read in one way only, or its manifest cannot be used.",
    why: "A runtime might read it as something that no rule has judged. Every policy that could be about it says so.",
    todo: "Write registry/repository@sha256:DIGEST, hosts in ASCII; build an image again whose manifest is at fault.",
    example:
      '[production] container "web", image "registry.company.com/Team/App:v1": ImageMalformed: has capital letters in its repository ("Team"); write registry/repository@sha256:<64 hex>',
  },
  RegistryNotAllowed: {
    found: "No pattern of `registries.allow`, or of an entry of `registries.namespaces` for this namespace, matches.",
    why: "An image from elsewhere has passed none of the checks that your own registry stands for.",
    todo: "Copy the image to an allowed registry (`crane copy FROM TO`) and write its name there, or have the policy's author allow its repository.",
    example:
      '[production] container "web", image "nginx:1.21": RegistryNotAllowed: docker.io/library/nginx is not allowed; allowed: registry.company.com',
  },
  RegistryDenied: {
    found: "A pattern of `registries.deny` matches; it wins over `allow`.",
    why: "The registry was ruled out by name.",
    todo: "Take the image from an allowed registry; `crane copy FROM TO` brings it there.",
    example:
      '[production] container "web", image "quay.io/company/web:v1": RegistryDenied: quay.io/company/web is denied by "quay.io"; allowed: registry.company.com',
  },
  LookalikeRegistry: {
    found: "The registry is not allowed, and its name is nearly that of one that is.",
    why: "Names that differ by a letter are how people are led to a stranger's registry.",
    todo: "Correct the name. Did somebody else write it? Find out who.",
    example:
      '[production] container "web", image "registry.cornpany.com/team/app:v1": LookalikeRegistry: registry registry.cornpany.com is not allowed and is written with letters that look like those of registry.company.com; did you mean registry.company.com/team/app? allowed: registry.company.com',
  },
  DigestRequired: {
    found: "The image is named by a tag, or by nothing, where the policy wants a digest.",
    why: "A tag may name another image tomorrow; a digest is the very image that was approved.",
    todo: "Write name@sha256:DIGEST (`crane digest NAME`, `image-security migrate`), or have the policy pin.",
    example:
      '[production] container "web", image "nginx:1.21": DigestRequired: uses a tag; write docker.io/library/nginx@sha256:... (crane digest nginx:1.21)',
  },
  DigestMalformed: {
    found: "All of the reference can be read but its digest.",
    why: "No registry can serve it.",
    todo: "Write sha256: and 64 hexadecimal digits; `crane digest NAME:TAG` prints them.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:0accfd25": DigestMalformed: has a digest of 8 hex digits; sha256 has 64; write registry.company.com/team/app@sha256:<64 hex>',
  },
  TagForbidden: {
    found: "A tag stands beside the digest, and the policy has `digest.allowTag: false`.",
    why: "The tag is not what decides, and may say something that is no longer so.",
    todo: "Write name@sha256:DIGEST, without the tag.",
    example:
      '[production] container "web", image "registry.company.com/team/app:v1@sha256:ee8f7eda170a...": TagForbidden: has a tag beside its digest; write registry.company.com/team/app@sha256:ee8f7eda170a...',
  },
  DigestNotFound: {
    found: "The registry does not have this digest, or this tag.",
    why: "The image cannot be what was approved, and no node could pull it.",
    todo: "Push the image, or correct the reference: `crane ls REPOSITORY` lists the tags, `crane digest NAME:TAG` says what one names.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:150014d0bf4e...": DigestNotFound: registry.company.com does not have registry.company.com/team/app@sha256:150014d0bf4e...; push the image or correct the reference',
  },
  DigestMismatch: {
    found: "The registry served other bytes than the digest stands for.",
    why: "The registry, or something before it, is broken or hostile.",
    todo: "Do not deploy. Look at the registry, its storage and mirrors.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:70416d28596c...": DigestMismatch: digest sha256:70416d28596c...: registry.company.com serves other bytes for registry.company.com/team/app@sha256:70416d28596c...: they hash to sha256:11a535f6a9ca...',
  },
  TagDrift: {
    found: "The tag beside the digest, or the tag of what runs, names another digest now, or nothing.",
    why: "Somebody has moved the tag since this was approved.",
    todo: "Deploy the digest that the tag names now, or restore the tag.",
    example:
      '[production] container "web", image "registry.company.com/team/app:v1@sha256:ee8f7eda170a...": TagDrift: tag v1 no longer names this digest, but sha256:11a535f6a9ca...; deploy that digest or restore the tag',
  },
  TagNotPinned: {
    found: "A rule that judges content met a tag, and no matching policy pins it.",
    why: "The verdict would hold for bytes that the node may never pull.",
    todo: "Write the digest, or have a policy pin (`digest.pin: Pods`).",
    example:
      '[production] container "web", image "registry.company.com/team/app:v1": TagNotPinned: uses a tag, and signatures can only judge a digest; write registry.company.com/team/app@sha256:... (crane digest registry.company.com/team/app:v1)',
  },
  ScanMissing: {
    found: "No source of `scan.sources` has a report for this image.",
    why: "Nobody knows whether it can be exploited.",
    todo: "Scan the image and publish the report where the policy looks for it (docs/scans.md).",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:ee8f7eda170a...": ScanMissing: no vulnerability scan (image annotation trivy.scan.result: none); scan this digest and publish the report',
  },
  ScanInvalid: {
    found: "There is a report, and it cannot be used: malformed, about no image, without a date, or dated ahead.",
    why: "What cannot be read proves nothing, and must not hide a report that can.",
    todo: "Scan again with a scanner and a format of docs/scans.md.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:abd4b4912b2e...": ScanInvalid: image annotation trivy.scan.result: scan report that is not JSON',
  },
  ScanMismatch: {
    found: "The report is about another image.",
    why: "Somebody took a good image's report for this one, by mistake or not.",
    todo: "Scan this very image, by its digest.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:b32625236dc0...": ScanMismatch: image annotation trivy.scan.result: the report is about another image (its layers or image id differ); scan this image',
  },
  ScanStale: {
    found: "The report is older than `scan.maxAge`.",
    why: "Vulnerabilities have become known since.",
    todo: "Scan the image again; scan regularly.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:820a3607fd91...": ScanStale: the scan is older than 1d (maxAge); scan the image again',
  },
  ScanVulnerable: {
    found: "The report counts more vulnerabilities than allowed, one above `maxCVSS`, or one of `denyCVEs`.",
    why: "The image is known to be exploitable.",
    todo: "Update the packages or the base image. Not reachable? `allowCVEs` with a reason, or VEX.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:7f118900c2c8...": ScanVulnerable: 1 critical (CVE-2021-44228 log4j-core 2.14.1 -> 2.15.0), at most 0 allowed; update the packages or the base image',
  },
  ScanScoreLow: {
    found: "The scan score is below `scan.minScore`.",
    why: "Many small vulnerabilities count as well.",
    todo: "Update the packages or the base image.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:975a520c521e...": ScanScoreLow: scan score 65, at least 80 is required; update the packages or the base image',
  },
  SignatureMissing: {
    found: "Nothing that has a signature's form was found for this image.",
    why: "Nobody stands for it.",
    todo: "Sign the digest that you deploy (`cosign sign NAME@sha256:DIGEST`), and push the signature to where the policy looks.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:a666cca5f8d9...": SignatureMissing: no signature that counts: ci: no signature was found; sign this digest (cosign sign) as the policy demands',
  },
  SignatureInvalid: {
    found: "There is a signature, and it cannot be what it says: malformed, or about another digest.",
    why: "It was damaged, or copied from another image.",
    todo: "Sign this digest again.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:41b0a9ec3396...": SignatureInvalid: no signature that counts: ci: the one signature there is is of another image; sign this digest (cosign sign) as the policy demands',
  },
  SignatureUntrusted: {
    found: "A signature is well formed, but of nobody whom the policy trusts, or lacks what the authority demands.",
    why: "Anybody can sign; what counts is who.",
    todo: "Sign with what the policy's `authorities` name. The message says what came closest: another key, identity, annotation or level.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:15cc341f85d5...": SignatureUntrusted: no signature that counts: ci: the one signature there is was not made with this key; sign this digest (cosign sign) as the policy demands',
  },
  TransparencyMissing: {
    found: "A signature has no entry in a transparency log, or no signed time where one is needed instead.",
    why: "Without it nobody would see a stolen key at work, or know when it signed.",
    todo: "Sign with the log, or say `transparencyLog: Ignored` for an authority that has none.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:7fba3e7d0de0...": TransparencyMissing: no signature that counts: ci: the one signature there is has no transparency log entry; sign this digest (cosign sign) as the policy demands',
  },
  AttestationMissing: {
    found: "There is no attestation of the wanted predicate type.",
    why: "Nobody says how the image was built, or tested.",
    todo: "Attest it where it is built (`cosign attest`, GitHub's attest-build-provenance).",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:02f0661886e9...": AttestationMissing: no attestation https://slsa.dev/provenance/v1 that counts: ci: no attestation of this type was found; attest this digest (cosign attest) as the policy demands',
  },
  AttestationInvalid: {
    found: "There is an attestation, and it cannot be what it says: malformed, or about another digest.",
    why: "It was damaged, or copied from another image.",
    todo: "Attest this digest again.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:b6215e70b255...": AttestationInvalid: no attestation https://slsa.dev/provenance/v1 that counts: ci: the one attestation there is is of another image; attest this digest (cosign attest) as the policy demands',
  },
  AttestationUntrusted: {
    found: "An attestation is well formed, but of nobody whom the policy trusts.",
    why: "Anybody can attest; what counts is who.",
    todo: "Attest with what the policy's `authorities` name. The message says what came closest.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:153d818d413d...": AttestationUntrusted: no attestation https://slsa.dev/provenance/v1 that counts: ci: the one attestation there is was not made with this key; attest this digest (cosign attest) as the policy demands',
  },
  AttestationRejected: {
    found: "A trusted attestation says something that a condition or `maxAge` refuses, or a condition failed.",
    why: "The image was built otherwise than it may be.",
    todo: "Read the condition's message; build as it asks for.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:fa694ede5b87...": AttestationRejected: no attestation https://slsa.dev/provenance/v1 that counts: ci: not built by the release pipeline; attest this digest (cosign attest) as the policy demands',
  },
  BaseImageUnknown: {
    found: "The image does not say what it was built on, or says it in a way that cannot be used.",
    why: "What is below an image is a part of it.",
    todo: "Build with the annotations `org.opencontainers.image.base.name` and `.digest`, or with provenance.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:e7a695d95315...": BaseImageUnknown: the image does not say what it is built on; set org.opencontainers.image.base.name',
  },
  BaseImageNotAllowed: {
    found: "The image was built on one that no pattern of `baseImages.allow` matches.",
    why: "What is below an image is a part of it.",
    todo: "Build it on an allowed base image.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:9c91c96f19f1...": BaseImageNotAllowed: built on docker.io/library/debian:12; allowed are registry.company.com/base/**',
  },
  BaseImageDeprecated: {
    found: "The image was built on one that `baseImages.deprecated` names.",
    why: "It gets no fixes any more, or is to be replaced.",
    todo: "Build it on the replacement that the message names.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:8f68f2d3f34f...": BaseImageDeprecated: built on registry.company.com/base/debian:10, which is deprecated; rebuild on registry.company.com/base/debian:12',
  },
  EvidenceUnavailable: {
    found: "Something that the rule needs could not be had, or the policy itself is at fault.",
    why: "Could not tell is not no: time and network are settled by `onUnavailable`, faults by the action.",
    todo: "The message names what failed: a registry, a key, a limit. `kubectl get isp -o wide` says what the policy lacks.",
    example:
      '[production] container "web", image "registry.company.com/team/app@sha256:3905bf82e2ad...": EvidenceUnavailable: digest sha256:3905bf82e2ad... could not be looked up: registry.company.com answered with status 503; try again',
  },
};
