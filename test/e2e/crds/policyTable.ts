/** A specification in YAML that the API server refuses. */
export interface BadPolicy {
  readonly why: string;
  readonly spec: string;
  /** Where the API server says that the fault is. */
  readonly path: string;
  /** A part of what it says. */
  readonly says: string;
}

const key = 'key: {kms: "awskms:///alias/x"}';
const ci = `{name: ci, ${key}}`;
const keyless = (identity: string): string =>
  `{digest: {}, authorities: [{name: ci, keyless: {identities: [${identity}]}}]}`;
const authority = (fields: string): string => `{digest: {}, authorities: [{name: ci, ${fields}}]}`;
const selector = (fields: string): string => `{digest: {}, match: {namespaceSelector: {${fields}}}}`;
const many = (count: number, text: string): string => `[${Array.from({ length: count }, () => text).join(", ")}]`;
const named = (count: number, of: (index: number) => string): string =>
  `[${Array.from({ length: count }, (_, index) => of(index)).join(", ")}]`;

export const goodSpecs: readonly (readonly [why: string, spec: string])[] = [
  ["one registry", '{registries: {allow: ["registry.company.com"]}}'],
  ["an empty allowlist, which refuses everything", "{registries: {allow: []}}"],
  ["an empty allowlist of some namespaces", '{registries: {namespaces: [{names: ["pci-*"], allow: []}]}}'],
  ["a rule that is all defaults", "{digest: {}}"],
  ["a scan rule that is all defaults", "{scan: {}}"],
  ["a match of everything", "{digest: {}, match: {}}"],
  ["an audit of defaults", "{digest: {}, audit: {}}"],
  ["a source of defaults", "{scan: {sources: [{imageAnnotation: {}}, {vulnerabilityReport: {}}]}}"],
  ["an authority that nothing uses", `{digest: {}, authorities: [${ci}]}`],
  ["all of the authorities", `{signatures: {authorities: [ci]}, authorities: [${ci}]}`],
  ["a count that equals the authorities", `{signatures: {authorities: [ci], count: 1}, authorities: [${ci}]}`],
  [
    "a short name of a predicate type",
    `{attestations: [{predicateType: slsaprovenance1, authorities: [ci]}], authorities: [${ci}]}`,
  ],
  [
    "a URN as predicate type",
    `{attestations: [{predicateType: "urn:company:review", authorities: [ci]}], authorities: [${ci}]}`,
  ],
  [
    "the same predicate type by two signers",
    `{attestations: [{predicateType: vuln, authorities: [ci]}, {predicateType: vuln, authorities: [b]}], authorities: [${ci}, {name: b, ${key}}]}`,
  ],
  [
    "ids of other databases",
    '{scan: {denyCVEs: ["GHSA-jfh8-c2jp-5v3q", "RHSA-2021:1234", "DLA-1234-1", "TEMP-0000000-ABCDEF", "GO-2022-0001", "openSUSE-SU-2020:0062-1"]}}',
  ],
  ["an allowance for ever", "{scan: {allowCVEs: [{id: CVE-2024-12345678, reason: x}]}}"],
  ["the edges of scores", "{scan: {minScore: 0, maxCVSS: 10}}"],
  ["a score without fraction", "{scan: {minScore: 100, maxCVSS: 0}}"],
  ["a duration of several units", "{scan: {maxAge: 1d12h30m5s}}"],
  ["required base images", "{baseImages: {required: true}}"],
  [
    "every kind of KMS",
    `{digest: {}, authorities: ${named(6, (i) => `{name: k${i}, key: {kms: "${["awskms://localhost:4566/alias/x", "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k", "azurekms://team.vault.azure.net/key", "hashivault://key", "openbao://key", "k8s://opa-system/cosign-pub"][i]}"}}`)}}`,
  ],
  [
    "repositories of signatures",
    `{digest: {}, authorities: ${named(4, (i) => `{name: k${i}, ${key}, repository: "${["registry.company.com/a", "registry.company.com:5000/a/b_c", "localhost:5001/a", "127.0.0.1:5001/a.b/c-d"][i]}"}`)}}`,
  ],
  [
    "every certificate of notation's authorities",
    '{digest: {}, authorities: [{name: notary, notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["*"]}}]}',
  ],
  [
    "a signing profile of AWS Signer, and a version of one",
    '{digest: {}, authorities: [{name: aws, notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, identities: ["arn:aws:signer:us-east-1:111122223333:/signing-profiles/release", "arn:aws-cn:signer:cn-north-1:111122223333:/signing-profiles/a_b/OF8IVUsPJq"]}}]}',
  ],
  [
    "a subject with more than it needs",
    '{digest: {}, authorities: [{name: notary, notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, level: audit, revocation: Skip, timestampCertificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["x509.subject: CN=a, C=US, ST=WA, O=b"]}}]}',
  ],
  [
    "every operator of selectors",
    "{digest: {}, match: {objectSelector: {matchExpressions: [{key: a.io/b, operator: In, values: [x, '']}, {key: a, operator: NotIn, values: [z]}, {key: c, operator: Exists}, {key: d, operator: DoesNotExist}]}}}",
  ],
];

/** Every bound of the lists that cost most to check, at once. */
export const largestSpec: string = `{
  registries: {namespaces: ${many(64, `{names: ["${"a".repeat(63)}"], allow: ${many(128, `"registry.company.com/${"a".repeat(234)}"`)}}`)}},
  authorities: ${named(32, (i) => `{name: k${i}, ${key}}`)},
  signatures: {authorities: ${named(32, (i) => `k${i}`)}, count: 32}}`;

export const badPolicies: readonly BadPolicy[] = [
  { why: "no rule", spec: "{enforcementAction: warn}", path: "spec", says: "a policy needs at least one rule" },
  { why: "an empty specification", spec: "{}", path: "spec", says: "a policy needs at least one rule" },
  {
    why: "only what rules use",
    spec: `{authorities: [${ci}]}`,
    path: "spec",
    says: "a policy needs at least one rule",
  },
  {
    why: "an unknown action",
    spec: "{digest: {}, enforcementAction: block}",
    path: "spec.enforcementAction",
    says: '"deny", "warn", "dryrun"',
  },
  {
    why: "an action in capitals",
    spec: "{digest: {}, enforcementAction: Deny}",
    path: "spec.enforcementAction",
    says: '"deny", "warn", "dryrun"',
  },
  {
    why: "an unknown onUnavailable",
    spec: "{digest: {}, onUnavailable: ignore}",
    path: "spec.onUnavailable",
    says: '"deny", "warn", "allow"',
  },
  {
    why: "an override of nothing",
    spec: "{digest: {}, enforcementOverrides: [{action: warn}]}",
    path: "spec.enforcementOverrides[0]",
    says: "exactly one of namespaces and namespaceSelector",
  },
  {
    why: "an override of two kinds",
    spec: "{digest: {}, enforcementOverrides: [{action: warn, namespaces: [a], namespaceSelector: {matchLabels: {a: b}}}]}",
    path: "spec.enforcementOverrides[0]",
    says: "exactly one of namespaces and namespaceSelector",
  },
  {
    why: "an override without action",
    spec: "{digest: {}, enforcementOverrides: [{namespaces: [a]}]}",
    path: "spec.enforcementOverrides[0].action",
    says: "Required value",
  },
  {
    why: "an empty list of overrides",
    spec: "{digest: {}, enforcementOverrides: []}",
    path: "spec.enforcementOverrides",
    says: "at least 1 items",
  },
  {
    why: "an empty list of namespaces, which would match everything",
    spec: "{digest: {}, match: {namespaces: []}}",
    path: "spec.match.namespaces",
    says: "at least 1 items",
  },
  {
    why: "a namespace in capitals",
    spec: "{digest: {}, match: {namespaces: [Prod]}}",
    path: "spec.match.namespaces[0]",
    says: "not the name of a namespace",
  },
  {
    why: "a regular expression for a namespace",
    spec: '{digest: {}, match: {excludeNamespaces: ["kube-.*"]}}',
    path: "spec.match.excludeNamespaces[0]",
    says: "not the name of a namespace",
  },
  {
    why: "an empty selector, which would match everything",
    spec: selector(""),
    path: "spec.match.namespaceSelector",
    says: "at least 1 properties",
  },
  {
    why: "empty matchLabels",
    spec: selector("matchLabels: {}"),
    path: "spec.match.namespaceSelector.matchLabels",
    says: "at least 1 properties",
  },
  {
    why: "a label key with a blank",
    spec: selector('matchLabels: {"a b": c}'),
    path: "spec.match.namespaceSelector.matchLabels",
    says: "not a label key",
  },
  {
    why: "a label value with a slash",
    spec: selector("matchLabels: {a: b/c}"),
    path: "spec.match.namespaceSelector.matchLabels[a]",
    says: "not a label value",
  },
  {
    why: "In without values",
    spec: selector("matchExpressions: [{key: a, operator: In}]"),
    path: "spec.match.namespaceSelector.matchExpressions[0]",
    says: "In and NotIn need values",
  },
  {
    why: "Exists with values",
    spec: selector("matchExpressions: [{key: a, operator: Exists, values: [b]}]"),
    path: "spec.match.namespaceSelector.matchExpressions[0]",
    says: "Exists and DoesNotExist take none",
  },
  {
    why: "an operator of Go templates",
    spec: selector("matchExpressions: [{key: a, operator: Equals, values: [b]}]"),
    path: "spec.match.namespaceSelector.matchExpressions[0].operator",
    says: '"In", "NotIn", "Exists", "DoesNotExist"',
  },
  {
    why: "a key of an expression that is none",
    spec: selector('matchExpressions: [{key: "-a", operator: Exists}]'),
    path: "spec.match.namespaceSelector.matchExpressions[0].key",
    says: "not a label key",
  },
  {
    why: "unknown workloads",
    spec: "{digest: {}, match: {workloads: Deployments}}",
    path: "spec.match.workloads",
    says: '"All", "Pods"',
  },
  {
    why: "registries without a list",
    spec: "{registries: {}}",
    path: "spec.registries",
    says: "at least 1 properties",
  },
  {
    why: "an empty deny list",
    spec: "{registries: {deny: []}}",
    path: "spec.registries.deny",
    says: "at least 1 items",
  },
  {
    why: "a list of namespaces without registries",
    spec: "{registries: {namespaces: [{names: [a]}]}}",
    path: "spec.registries.namespaces[0].allow",
    says: "Required value",
  },
  {
    why: "registries without namespaces",
    spec: '{registries: {namespaces: [{names: [], allow: ["a.io"]}]}}',
    path: "spec.registries.namespaces[0].names",
    says: "at least 1 items",
  },
  {
    why: "a number for a switch",
    spec: "{digest: {required: 1}}",
    path: "spec.digest.required",
    says: "must be of type boolean",
  },
  {
    why: "an unknown way of pinning",
    spec: "{digest: {pin: Always}}",
    path: "spec.digest.pin",
    says: '"Never", "Pods", "All"',
  },
  {
    why: "an unknown answer to drift",
    spec: "{digest: {tagDrift: Warn}}",
    path: "spec.digest.tagDrift",
    says: '"Ignore", "Report", "Deny"',
  },
  { why: "no source", spec: "{scan: {sources: []}}", path: "spec.scan.sources", says: "at least 1 items" },
  {
    why: "a source of no kind",
    spec: "{scan: {sources: [{}]}}",
    path: "spec.scan.sources[0]",
    says: "exactly one of attestation, imageAnnotation, vulnerabilityReport and podAnnotation",
  },
  {
    why: "a source of two kinds",
    spec: "{scan: {sources: [{imageAnnotation: {}, podAnnotation: {key: a}}]}}",
    path: "spec.scan.sources[0]",
    says: "exactly one of attestation",
  },
  {
    why: "a pod annotation without key: it is never a default",
    spec: "{scan: {sources: [{podAnnotation: {}}]}}",
    path: "spec.scan.sources[0].podAnnotation.key",
    says: "Required value",
  },
  {
    why: "no limit",
    spec: "{scan: {maxVulnerabilities: {}}}",
    path: "spec.scan.maxVulnerabilities",
    says: "at least 1 properties",
  },
  {
    why: "a negative limit",
    spec: "{scan: {maxVulnerabilities: {critical: -1}}}",
    path: "spec.scan.maxVulnerabilities.critical",
    says: "greater than or equal to 0",
  },
  {
    why: "an age in words",
    spec: '{scan: {maxAge: "1 day"}}',
    path: "spec.scan.maxAge",
    says: "not a duration of days, hours, minutes and seconds",
  },
  { why: "an age without unit", spec: '{scan: {maxAge: "24"}}', path: "spec.scan.maxAge", says: "not a duration" },
  { why: "an age in milliseconds", spec: "{scan: {maxAge: 500ms}}", path: "spec.scan.maxAge", says: "not a duration" },
  { why: "an age in fractions", spec: "{scan: {maxAge: 1.5h}}", path: "spec.scan.maxAge", says: "not a duration" },
  {
    why: "a grace that is no duration",
    spec: "{scan: {sources: [{vulnerabilityReport: {grace: soon}}]}}",
    path: "spec.scan.sources[0].vulnerabilityReport.grace",
    says: "not a duration",
  },
  {
    why: "a score above 100",
    spec: "{scan: {minScore: 101}}",
    path: "spec.scan.minScore",
    says: "less than or equal to 100",
  },
  {
    why: "a score with a fraction",
    spec: "{scan: {minScore: 80.5}}",
    path: "spec.scan.minScore",
    says: "must be of type int32",
  },
  {
    why: "a CVSS score above 10",
    spec: "{scan: {maxCVSS: 10.1}}",
    path: "spec.scan.maxCVSS",
    says: "less than or equal to 10",
  },
  {
    why: "a negative CVSS score",
    spec: "{scan: {maxCVSS: -0.1}}",
    path: "spec.scan.maxCVSS",
    says: "greater than or equal to 0",
  },
  {
    why: "a CVE with a short year",
    spec: "{scan: {denyCVEs: [CVE-21-44228]}}",
    path: "spec.scan.denyCVEs[0]",
    says: "not the id of a vulnerability",
  },
  {
    why: "a CVE in lower case, which no scanner reports",
    spec: "{scan: {denyCVEs: [cve-2021-44228]}}",
    path: "spec.scan.denyCVEs[0]",
    says: "not the id of a vulnerability",
  },
  {
    why: "a CVE without hyphen",
    spec: "{scan: {denyCVEs: [CVE2021-44228]}}",
    path: "spec.scan.denyCVEs[0]",
    says: "not the id of a vulnerability",
  },
  {
    why: "an allowance without reason",
    spec: "{scan: {allowCVEs: [{id: CVE-2024-1234}]}}",
    path: "spec.scan.allowCVEs[0].reason",
    says: "Required value",
  },
  {
    why: "an allowance until a day",
    spec: '{scan: {allowCVEs: [{id: CVE-2024-1234, reason: x, expires: "2027-01-31"}]}}',
    path: "spec.scan.allowCVEs[0].expires",
    says: "must be of type date-time",
  },
  {
    why: "an allowance until no time",
    spec: "{scan: {allowCVEs: [{id: CVE-2024-1234, reason: x, expires: tomorrow}]}}",
    path: "spec.scan.allowCVEs[0].expires",
    says: "must be of type date-time",
  },
  {
    why: "an allowance twice",
    spec: "{scan: {allowCVEs: [{id: CVE-2024-1234, reason: x}, {id: CVE-2024-1234, reason: y}]}}",
    path: "spec.scan.allowCVEs[1]",
    says: "Duplicate value",
  },
  {
    why: "an unknown runningImages",
    spec: "{scan: {runningImages: Allow}}",
    path: "spec.scan.runningImages",
    says: '"Deny", "Warn"',
  },
  {
    why: "an unknown authority in vex",
    spec: `{scan: {vex: {authorities: [cd]}}, authorities: [${ci}]}`,
    path: "spec.scan.vex.authorities",
    says: "spec.authorities does not define cd",
  },
  {
    why: "an unknown authority in a source",
    spec: "{scan: {sources: [{attestation: {authorities: [ci]}}]}}",
    path: "spec.scan.sources",
    says: "names an authority that spec.authorities does not define",
  },
  {
    why: "an unknown authority in signatures",
    spec: `{signatures: {authorities: [ci, cd]}, authorities: [${ci}]}`,
    path: "spec.signatures.authorities",
    says: "spec.authorities does not define cd",
  },
  {
    why: "no authorities at all",
    spec: "{signatures: {authorities: [ci]}}",
    path: "spec.signatures.authorities",
    says: "spec.authorities does not define ci",
  },
  {
    why: "an unknown authority in attestations",
    spec: `{attestations: [{predicateType: vuln, authorities: [ci]}, {predicateType: link, authorities: [cd]}], authorities: [${ci}]}`,
    path: "spec.attestations",
    says: "spec.authorities does not define cd",
  },
  {
    why: "an unknown authority in base images",
    spec: `{baseImages: {required: true, authorities: [cd]}, authorities: [${ci}]}`,
    path: "spec.baseImages.authorities",
    says: "spec.authorities does not define cd",
  },
  {
    why: "signatures without authorities",
    spec: "{signatures: {count: 1}}",
    path: "spec.signatures.authorities",
    says: "Required value",
  },
  {
    why: "an empty list of signers",
    spec: "{signatures: {authorities: []}}",
    path: "spec.signatures.authorities",
    says: "at least 1 items",
  },
  {
    why: "an authority twice in a rule: it would count twice",
    spec: `{signatures: {authorities: [ci, ci]}, authorities: [${ci}]}`,
    path: "spec.signatures.authorities",
    says: "names an authority twice",
  },
  {
    why: "a count above the authorities",
    spec: `{signatures: {authorities: [ci], count: 2}, authorities: [${ci}]}`,
    path: "spec.signatures.count",
    says: "count is larger than the number of authorities",
  },
  {
    why: "a count of nobody",
    spec: `{signatures: {authorities: [ci], count: 0}, authorities: [${ci}]}`,
    path: "spec.signatures.count",
    says: "greater than or equal to 1",
  },
  {
    why: "a count above an attestation's authorities",
    spec: `{attestations: [{predicateType: vuln, authorities: [ci], count: 2}], authorities: [${ci}]}`,
    path: "spec.attestations[0].count",
    says: "count is larger than the number of authorities",
  },
  {
    why: "two authorities of one name",
    spec: `{digest: {}, authorities: [${ci}, ${ci}]}`,
    path: "spec.authorities[1]",
    says: "Duplicate value",
  },
  {
    why: "an authority's name with a blank",
    spec: `{digest: {}, authorities: [{name: "my ci", ${key}}]}`,
    path: "spec.authorities[0].name",
    says: "the name of an authority consists of",
  },
  {
    why: "an authority of no kind",
    spec: "{digest: {}, authorities: [{name: ci}]}",
    path: "spec.authorities[0]",
    says: "exactly one of key, keyless and notation",
  },
  {
    why: "an authority of two kinds",
    spec: authority(`${key}, keyless: {identities: [{issuer: a, subject: b}]}`),
    path: "spec.authorities[0]",
    says: "exactly one of key, keyless and notation",
  },
  {
    why: "a key from nowhere",
    spec: authority("key: {}"),
    path: "spec.authorities[0].key",
    says: "exactly one of secretRef, configMapRef, pem and kms",
  },
  {
    why: "a key from two places",
    spec: authority('key: {pem: "-----BEGIN PUBLIC KEY-----", kms: "hashivault://a"}'),
    path: "spec.authorities[0].key",
    says: "exactly one of secretRef, configMapRef, pem and kms",
  },
  {
    why: "a Secret without key",
    spec: authority("key: {secretRef: {namespace: a, name: b}}"),
    path: "spec.authorities[0].key.secretRef.key",
    says: "Required value",
  },
  {
    why: "a Secret without namespace",
    spec: authority("key: {secretRef: {name: b, key: c}}"),
    path: "spec.authorities[0].key.secretRef.namespace",
    says: "Required value",
  },
  {
    why: "a Secret's name in capitals",
    spec: authority("key: {secretRef: {namespace: a, name: B, key: c}}"),
    path: "spec.authorities[0].key.secretRef.name",
    says: "not the name of a Secret",
  },
  {
    why: "a private key",
    spec: authority('key: {pem: "-----BEGIN EC PRIVATE KEY-----"}'),
    path: "spec.authorities[0].key.pem",
    says: "this is a private key",
  },
  {
    why: "a key that is not PEM",
    spec: authority("key: {pem: MFkwEwYHKoZI}"),
    path: "spec.authorities[0].key.pem",
    says: "not PEM",
  },
  {
    why: "an unknown KMS",
    spec: authority('key: {kms: "kms://x"}'),
    path: "spec.authorities[0].key.kms",
    says: "not a key's URI",
  },
  {
    why: "a file for a KMS",
    spec: authority("key: {kms: /etc/cosign.pub}"),
    path: "spec.authorities[0].key.kms",
    says: "not a key's URI",
  },
  {
    why: "nobody's identity",
    spec: "{digest: {}, authorities: [{name: ci, keyless: {identities: []}}]}",
    path: "spec.authorities[0].keyless.identities",
    says: "at least 1 items",
  },
  {
    why: "anybody's identity",
    spec: keyless("{}"),
    path: "spec.authorities[0].keyless.identities[0]",
    says: "exactly one of issuer and issuerRegExp",
  },
  {
    why: "an identity of any subject",
    spec: keyless("{issuer: a}"),
    path: "spec.authorities[0].keyless.identities[0]",
    says: "exactly one of subject and subjectRegExp",
  },
  {
    why: "an identity of any issuer",
    spec: keyless("{subject: a}"),
    path: "spec.authorities[0].keyless.identities[0]",
    says: "exactly one of issuer and issuerRegExp",
  },
  {
    why: "two issuers",
    spec: keyless("{issuer: a, issuerRegExp: a, subject: b}"),
    path: "spec.authorities[0].keyless.identities[0]",
    says: "exactly one of issuer and issuerRegExp",
  },
  {
    why: "two subjects",
    spec: keyless("{issuer: a, subject: b, subjectRegExp: b}"),
    path: "spec.authorities[0].keyless.identities[0]",
    says: "exactly one of subject and subjectRegExp",
  },
  {
    why: "an empty subject",
    spec: keyless('{issuer: a, subject: ""}'),
    path: "spec.authorities[0].keyless.identities[0].subject",
    says: "at least 1 chars long",
  },
  {
    why: "an open parenthesis",
    spec: keyless('{issuer: a, subjectRegExp: "(a"}'),
    path: "spec.authorities[0].keyless.identities[0].subjectRegExp",
    says: "not a regular expression in RE2 syntax",
  },
  {
    why: "a look-ahead, which RE2 has not",
    spec: keyless('{issuerRegExp: "a(?=b)", subject: a}'),
    path: "spec.authorities[0].keyless.identities[0].issuerRegExp",
    says: "not a regular expression in RE2 syntax",
  },
  {
    why: "a misspelt claim",
    spec: keyless("{issuer: a, subject: b, claims: {runnerEnviroment: x}}"),
    path: "spec.authorities[0].keyless.identities[0].claims",
    says: "not a claim of Fulcio's certificates",
  },
  {
    why: "empty claims",
    spec: keyless("{issuer: a, subject: b, claims: {}}"),
    path: "spec.authorities[0].keyless.identities[0].claims",
    says: "at least 1 properties",
  },
  {
    why: "a trust root from nowhere",
    spec: authority(`${key}, trustRoot: {}`),
    path: "spec.authorities[0].trustRoot",
    says: "exactly one of secretRef, configMapRef, inline, tuf and preset",
  },
  {
    why: "a trust root from two places",
    spec: authority(`${key}, trustRoot: {inline: "{}", secretRef: {namespace: a, name: b, key: c}}`),
    path: "spec.authorities[0].trustRoot",
    says: "exactly one of secretRef, configMapRef, inline, tuf and preset",
  },
  {
    why: "a TUF repository without root",
    spec: authority(`${key}, trustRoot: {tuf: {mirror: "https://a.io"}}`),
    path: "spec.authorities[0].trustRoot.tuf.root",
    says: "Required value",
  },
  {
    why: "a TUF root from nowhere",
    spec: authority(`${key}, trustRoot: {tuf: {mirror: "https://a.io", root: {}}}`),
    path: "spec.authorities[0].trustRoot.tuf.root",
    says: "exactly one of secretRef, configMapRef and inline",
  },
  {
    why: "a TUF mirror that is no address",
    spec: authority(`${key}, trustRoot: {tuf: {mirror: a.io, root: {inline: "{}"}}}`),
    path: "spec.authorities[0].trustRoot.tuf.mirror",
    says: "not an address",
  },
  {
    why: "an unknown setting of certificate logs",
    spec: authority("keyless: {identities: [{issuer: a, subject: b}], sct: Optional}"),
    path: "spec.authorities[0].keyless.sct",
    says: '"Required", "Ignored"',
  },
  {
    why: "an unknown log setting",
    spec: authority(`${key}, transparencyLog: Optional`),
    path: "spec.authorities[0].transparencyLog",
    says: '"Required", "Ignored"',
  },
  {
    why: "annotations of nothing",
    spec: authority(`${key}, annotations: {}`),
    path: "spec.authorities[0].annotations",
    says: "at least 1 properties",
  },
  {
    why: "a repository with a tag",
    spec: authority(`${key}, repository: "registry.company.com/a:v1"`),
    path: "spec.authorities[0].repository",
    says: "not a repository",
  },
  {
    why: "a repository without host",
    spec: authority(`${key}, repository: signatures`),
    path: "spec.authorities[0].repository",
    says: "not a repository",
  },
  {
    why: "a repository that is a host",
    spec: authority(`${key}, repository: registry.company.com`),
    path: "spec.authorities[0].repository",
    says: "not a repository",
  },
  {
    why: "notation without certificates",
    spec: authority('notation: {identities: ["*"]}'),
    path: "spec.authorities[0].notation.certificates",
    says: "Required value",
  },
  {
    why: "notation of nobody",
    spec: authority('notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: []}'),
    path: "spec.authorities[0].notation.identities",
    says: "at least 1 items",
  },
  {
    why: "a subject without its prefix",
    spec: authority('notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["C=US"]}'),
    path: "spec.authorities[0].notation.identities[0]",
    says: "x509.subject:",
  },
  {
    why: "signing profiles without awsSigner",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["arn:aws:signer:us-east-1:111122223333:/signing-profiles/release"]}',
    ),
    path: "spec.authorities[0].notation.identities",
    says: "belong to awsSigner",
  },
  {
    why: "a subject with awsSigner",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, identities: ["x509.subject: C=US"]}',
    ),
    path: "spec.authorities[0].notation.identities",
    says: "belong to awsSigner",
  },
  {
    why: "anybody with awsSigner",
    spec: authority('notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, identities: ["*"]}'),
    path: "spec.authorities[0].notation.identities",
    says: "belong to awsSigner",
  },
  {
    why: "a profile of another service",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, identities: ["arn:aws:kms:us-east-1:111122223333:key/1"]}',
    ),
    path: "spec.authorities[0].notation.identities[0]",
    says: "not an identity",
  },
  {
    why: "a signing job for a profile",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, identities: ["arn:aws:signer:us-east-1:111122223333:/signing-jobs/1"]}',
    ),
    path: "spec.authorities[0].notation.identities[0]",
    says: "not an identity",
  },
  {
    why: "timestamps with awsSigner",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, awsSigner: {}, timestampCertificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["arn:aws:signer:us-east-1:111122223333:/signing-profiles/release"]}',
    ),
    path: "spec.authorities[0].notation.timestampCertificates",
    says: "AWS Signer says itself",
  },
  {
    why: "timestamp certificates that are none",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, timestampCertificates: {pem: x}, identities: ["*"]}',
    ),
    path: "spec.authorities[0].notation.timestampCertificates.pem",
    says: "not a certificate in PEM",
  },
  {
    why: "a way of revocation that there is not",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, revocation: Maybe, identities: ["*"]}',
    ),
    path: "spec.authorities[0].notation.revocation",
    says: '"Check", "Skip"',
  },
  {
    why: "certificates from nowhere",
    spec: authority('notation: {certificates: {}, identities: ["*"]}'),
    path: "spec.authorities[0].notation.certificates",
    says: "exactly one of secretRef, configMapRef and pem",
  },
  {
    why: "a level that notation lacks here",
    spec: authority('notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["*"], level: skip}'),
    path: "spec.authorities[0].notation.level",
    says: '"strict", "permissive", "audit"',
  },
  {
    why: "a log setting for notation",
    spec: authority(
      'notation: {certificates: {pem: "-----BEGIN CERTIFICATE-----"}, identities: ["*"]}, transparencyLog: Ignored',
    ),
    path: "spec.authorities[0]",
    says: "belong to key and keyless authorities",
  },
  {
    why: "an empty list of attestations",
    spec: "{digest: {}, attestations: []}",
    path: "spec.attestations",
    says: "at least 1 items",
  },
  {
    why: "an unknown short name of a predicate type",
    spec: `{attestations: [{predicateType: slsa, authorities: [ci]}], authorities: [${ci}]}`,
    path: "spec.attestations[0].predicateType",
    says: "not a predicate type",
  },
  {
    why: "an attestation's age in words",
    spec: `{attestations: [{predicateType: vuln, authorities: [ci], maxAge: 3months}], authorities: [${ci}]}`,
    path: "spec.attestations[0].maxAge",
    says: "not a duration",
  },
  {
    why: "an empty condition",
    spec: `{attestations: [{predicateType: vuln, authorities: [ci], conditions: [{expression: ""}]}], authorities: [${ci}]}`,
    path: "spec.attestations[0].conditions[0].expression",
    says: "at least 1 chars long",
  },
  {
    why: "an empty rule of base images",
    spec: "{baseImages: {}}",
    path: "spec.baseImages",
    says: "at least 1 properties",
  },
  {
    why: "base images that are asked for nothing",
    spec: "{baseImages: {required: false}}",
    path: "spec.baseImages",
    says: "at least one of allow, deprecated and required: true",
  },
  {
    why: "an empty allowlist of base images",
    spec: "{baseImages: {allow: []}}",
    path: "spec.baseImages.allow",
    says: "at least 1 items",
  },
  {
    why: "a deprecated image without replacement",
    spec: '{baseImages: {deprecated: [{image: "docker.io/library/ubuntu:18.04"}]}}',
    path: "spec.baseImages.deprecated[0].replacement",
    says: "Required value",
  },
  {
    why: "an ambiguous deprecated image",
    spec: '{baseImages: {deprecated: [{image: "ubuntu:18.04", replacement: x}]}}',
    path: "spec.baseImages.deprecated[0].image",
    says: 'write "docker.io/library/ubuntu:18.04"',
  },
  {
    why: "credentials of nobody",
    spec: "{digest: {}, registryCredentials: {}}",
    path: "spec.registryCredentials.secretRefs",
    says: "Required value",
  },
  {
    why: "an empty list of credentials",
    spec: "{digest: {}, registryCredentials: {secretRefs: []}}",
    path: "spec.registryCredentials.secretRefs",
    says: "at least 1 items",
  },
  {
    why: "more than 128 patterns",
    spec: `{registries: {allow: ${many(129, '"a.io"')}}}`,
    path: "spec.registries.allow",
    says: "at most 128 items",
  },
  {
    why: "a pattern of more than 255 characters",
    spec: `{registries: {allow: ["a.io/${"a".repeat(251)}"]}}`,
    path: "spec.registries.allow[0]",
    says: "may not be more than 255",
  },
];
