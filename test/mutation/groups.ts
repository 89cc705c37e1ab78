/** Sources that decide, and the tests that are to notice when one of them is wrong. */
export interface Group {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** Beginnings of the titles of tests that take too long to be run for each mutant. */
  readonly without?: readonly string[];
  /** Tries constants of modules as well, such as regular expressions: in a process of its own for each, so only where tests load fast. */
  readonly statics?: boolean;
}

export const GROUPS: Readonly<Record<string, Group>> = {
  rules: {
    mutate: ["policy/rules/*.ts", "policy/judge.ts"],
    tests: [
      "test/unit/policy/*.test.ts",
      "test/unit/evidence/scan/judge.test.ts",
      "test/unit/evidence/scan/baseImages.test.ts",
      "test/unit/evidence/sigstore/quorum.test.ts",
    ],
  },
  images: {
    mutate: ["policy/image/{confusables,digest*,editDistance,glob,host*,lookalike,path*,pattern,re*}.ts"],
    tests: [
      "test/unit/policy/{glob,reference,pattern,message,lookalike,registries,pathAutomaton,digest}.test.ts",
      "test/unit/evidence/registry/dockerConfig.test.ts",
    ],
    statics: true,
  },
  packages: {
    mutate: ["policy/image/packageUrl.ts"],
    tests: ["test/unit/policy/{packageUrl,vex}.test.ts", "test/unit/evidence/scan/{judge,baseImages}.test.ts"],
  },
  scans: {
    mutate: ["evidence/scan/formats/*.ts", "evidence/scan/sources/*.ts"],
    tests: [
      "test/unit/evidence/scan/{parse,severity,sources,provider}.test.ts",
      "test/security/{nearDigests,scan-hostileReports}.test.ts",
    ],
  },
  signatureTexts: {
    mutate: [
      "evidence/sigstore/verify/{base64,parseObject,parseSignatures,signedPayload,provedStatement}.ts",
      "evidence/sigstore/verify/{verifyCandidate,candidateVerifier}.ts",
    ],
    tests: [
      "test/unit/evidence/sigstore/{parseSignatures,verifyCandidate,fixtures,base64}.test.ts",
      "test/security/signatures-garbage.test.ts",
    ],
    without: ["base64 as cosign reads it takes line ends in a promise"],
    statics: true,
  },
  signatureContents: {
    mutate: ["evidence/sigstore/verify/{signatureContent,boundedDer,logEntry}.ts"],
    tests: ["test/unit/evidence/sigstore/{logEntry,boundedDer}.test.ts", "test/security/signatures-algorithms.test.ts"],
    statics: true,
  },
  signatureProofs: {
    mutate: [
      "evidence/sigstore/verify/{proveBy*,proveTimestamps,leafCertificate}.ts",
      "evidence/sigstore/verify/{runVerifier,trustMaterial,withUnseenPromises}.ts",
    ],
    tests: ["test/unit/evidence/sigstore/{trustMaterial,fixtures}.test.ts", "test/security/signatures-keyless.test.ts"],
  },
  outcomes: {
    mutate: ["evidence/sigstore/find/{resultCollector,provedContents}.ts", "evidence/sigstore/outcomes.ts"],
    tests: [
      "test/security/signatures-{keyless,replayed,garbage}.test.ts",
      "test/security/nearDigests.test.ts",
      "test/unit/evidence/sigstore/{audits,fixtures,held,quorum}.test.ts",
    ],
    without: ["so much junk that time runs out is the content"],
  },
  notationProofs: {
    mutate: ["evidence/notation/verify/{prove,verifyCandidate,attributes,awsSigner,level,payload,subject}.ts"],
    tests: ["test/unit/evidence/notation/{fixtures,levels,awsSigner,envelopes,certificates,timestamps,oracle}.test.ts"],
  },
  notationCertificates: {
    mutate: ["evidence/notation/verify/{algorithm,asn1,certificate,chain,der,extensions,signedData,timestamp}.ts"],
    tests: ["test/unit/evidence/notation/{fixtures,certificates,timestamps,oracle}.test.ts"],
  },
  notationEnvelopes: {
    mutate: ["evidence/notation/verify/{cose,jws,envelope}.ts"],
    tests: ["test/unit/evidence/notation/{fixtures,envelopes}.test.ts"],
  },
  facts: {
    mutate: [
      "evidence/gather/{mergeFacts,heldUp,manifestFacts,reportedImage,runningDigest,tagMatch}.ts",
      "evidence/scan/sources/joinParts.ts",
      "evidence/{verdicts,standing}.ts",
      "policy/facts/{buried,unavailable}.ts",
    ],
    tests: [
      "test/unit/evidence/{mergeFacts,verdicts}.test.ts",
      "test/unit/evidence/scan/joinParts.test.ts",
      "test/unit/evidence/registry/{runningDigest,gather}.test.ts",
    ],
  },
  engine: {
    mutate: ["engine/*.ts"],
    tests: ["test/unit/engine/*.test.ts", "test/unit/policy/review.test.ts"],
  },
  manifests: {
    mutate: ["evidence/registry/{manifest,digest}.ts"],
    tests: ["test/security/nearDigests.test.ts", "test/unit/evidence/registry/{manifest,reading}.test.ts"],
  },
};
