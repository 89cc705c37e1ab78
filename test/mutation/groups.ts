/** Sources that decide, and the tests that are to notice when one of them is wrong. */
export interface Group {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
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
    mutate: ["policy/image/*.ts", "!policy/image/*.d.ts"],
    tests: ["test/unit/policy/*.test.ts", "test/unit/evidence/scan/judge.test.ts"],
  },
  scans: {
    mutate: ["evidence/scan/formats/*.ts", "evidence/scan/sources/*.ts"],
    tests: [
      "test/unit/evidence/scan/{parse,severity,sources,provider}.test.ts",
      "test/security/{nearDigests,scan-hostileReports}.test.ts",
    ],
  },
  signatures: {
    mutate: [
      "evidence/sigstore/verify/*.ts",
      "evidence/sigstore/find/{tally,proved}.ts",
      "evidence/sigstore/outcomes.ts",
    ],
    tests: [
      "test/security/nearDigests.test.ts",
      "test/security/signatures-{keyless,replayed,garbage}.test.ts",
      "test/unit/evidence/sigstore/fixtures.test.ts",
    ],
  },
  manifests: {
    mutate: ["evidence/registry/{manifest,digest}.ts"],
    tests: ["test/security/nearDigests.test.ts", "test/unit/evidence/registry/{manifest,reading}.test.ts"],
  },
};
