/**
 * The custom resources as TypeScript types. Generated from the manifests beside this file: `npm run generate`.
 * What the API server defaults is optional here: files and tests may leave it out.
 */

/** ImageSecurityPolicy decides which container images may run: by the registry they come from (registries), by digest (digest), by what is known of their vulnerabilities (scan), by who signed them (signatures), by how they were built (attestations) and by what they were built on (baseImages). Every policy that matches an object must be satisfied: adding a policy never allows more. */
export interface ImageSecurityPolicy {
  readonly apiVersion: "imagesecurity.dev/v1";
  readonly kind: "ImageSecurityPolicy";
  readonly metadata: ObjectMeta;
  /** What the policy asks of images. At least one of registries, digest, scan, signatures, attestations and baseImages. */
  readonly spec: PolicySpec;
  /** What the operator made of the policy. Written by the operator only. */
  readonly status?: PolicyStatus;
}

/** What the policy asks of images. At least one of registries, digest, scan, signatures, attestations and baseImages. */
export interface PolicySpec {
  /** What happens to an object that violates the policy. deny: the request is refused. warn: it is admitted with a warning that kubectl prints. dryrun, which others call audit: nothing is seen at admission; audits, metrics and logs show what deny would refuse. */
  readonly enforcementAction?: "deny" | "warn" | "dryrun";
  /** Other actions for some namespaces, so that one policy can be rolled out namespace by namespace. The first entry that names the namespace decides instead of enforcementAction. Example: [{namespaces: ["dev-*"], action: warn}]. */
  readonly enforcementOverrides?: readonly EnforcementOverride[];
  /** What it means when evidence could not be had in time: the registry or another service was down or slow. It never applies to content that is wrong, to access that is refused (401, 403), nor to faults of this policy, such as a missing key. */
  readonly onUnavailable?: "deny" | "warn" | "allow";
  /** Which objects and images the policy is about. Each part that is given must hold; without match, or with an empty one, the policy is about everything. */
  readonly match?: PolicyMatch;
  /** Where images may come from. Images are compared in full form: nginx is docker.io/library/nginx:latest, and every spelling of Docker Hub is docker.io. */
  readonly registries?: Registries;
  /** Whether an image must be named by its digest (name@sha256:...), which names one content for ever, where a tag can be moved. "digest: {}" asks for a digest. */
  readonly digest?: Digest;
  /** What may be known of an image's vulnerabilities. Without any limit, "scan: {}" asks for a scan report that is bound to this image. */
  readonly scan?: Scan;
  /** Whom this policy trusts to sign. Authorities do nothing by themselves: signatures, attestations, scan and baseImages name them. Example: [{name: release, key: {secretRef: {namespace: opa-system, name: cosign-pub, key: cosign.pub}}}]. */
  readonly authorities?: readonly Authority[];
  /** Who must have signed the image. Example: {authorities: [release, ci], count: 1}. */
  readonly signatures?: Signatures;
  /** Signed statements that must exist about the image, such as its build provenance; every entry must be satisfied. Example: [{predicateType: "https://slsa.dev/provenance/v1", authorities: [ci]}]. */
  readonly attestations?: readonly Attestation[];
  /** What an image may be built on, as its annotations and labels (org.opencontainers.image.base.name) or its provenance say. Example: {allow: ["registry.company.com/base/**"], required: true}. */
  readonly baseImages?: BaseImages;
  /** Credentials for the repositories that this policy is about. */
  readonly registryCredentials?: RegistryCredentials;
  /** Whether existing pods are judged too. */
  readonly audit?: Audit;
}

/** The action for the namespaces that this entry names. */
export interface EnforcementOverride {
  /** Names of namespaces; "*" stands for any number of characters. Example: ["dev-*", "staging"]. */
  readonly namespaces?: readonly string[];
  /** A label selector over the namespace's labels. All of matchLabels and matchExpressions must hold. Example: {matchLabels: {env: prod}}. */
  readonly namespaceSelector?: LabelSelector;
  /** What happens in these namespaces to an object that violates the policy. See enforcementAction. */
  readonly action: "deny" | "warn" | "dryrun";
}

/** A label selector over the namespace's labels. All of matchLabels and matchExpressions must hold. Example: {matchLabels: {env: prod}}. */
export interface LabelSelector {
  /** Labels that must be there with these values. Example: {env: prod}. */
  readonly matchLabels?: {
    /** The label's value. */
    readonly [k: string]: string;
  };
  /** Requirements on labels that must all hold. Example: [{key: env, operator: In, values: [prod, staging]}]. */
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

/** One requirement on a label. */
export interface LabelSelectorRequirement {
  /** The label's key, such as app.kubernetes.io/name. */
  readonly key: string;
  /** In: the value is one of values. NotIn: it is not, or the label is absent. Exists: the label is there. DoesNotExist: it is not. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** The values that In and NotIn compare with. Example: [prod, staging]. */
  readonly values?: readonly string[];
}

/** Which objects and images the policy is about. Each part that is given must hold; without match, or with an empty one, the policy is about everything. */
export interface PolicyMatch {
  /** Only in these namespaces; "*" stands for any number of characters. Example: ["prod-*", "payments"]. */
  readonly namespaces?: readonly string[];
  /** Not in these namespaces; wins over namespaces. Example: ["kube-*"]. */
  readonly excludeNamespaces?: readonly string[];
  /** A label selector over the namespace's labels. All of matchLabels and matchExpressions must hold. Example: {matchLabels: {env: prod}}. */
  readonly namespaceSelector?: LabelSelector;
  /** A label selector over the labels of the pod, or of the pod template. These labels are in the hands of whoever writes the pod. Example: {matchLabels: {tier: web}}. */
  readonly objectSelector?: LabelSelector;
  /** Only images that at least one of these patterns matches; for the grammar see registries.allow. Example: ["registry.company.com/**"]. */
  readonly images?: readonly string[];
  /** Not images that one of these patterns matches; wins over images. Example: ["registry.company.com/base/**"]. */
  readonly excludeImages?: readonly string[];
  /** All: Pods and the objects that make them (Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job, CronJob), so that the author of a Deployment hears of it at once. Pods: Pods only. */
  readonly workloads?: "All" | "Pods";
}

/** Where images may come from. Images are compared in full form: nginx is docker.io/library/nginx:latest, and every spelling of Docker Hub is docker.io. */
export interface Registries {
  /**
   * The allowlist: at least one of these image patterns must match.
   * An empty list refuses every image; without the field there is no allowlist.
   *
   * A pattern is compared with the full form of the image (nginx is
   * docker.io/library/nginx), as a whole and at the borders of segments:
   *   registry.company.com           a whole registry, this host and port
   *   registry.company.com/team/app  one repository
   *   registry.company.com/team/*    "*": any characters of one segment
   *   registry.company.com/team/**   "**": any number of segments
   *   *.company.com/**               one more label of the host
   *   registry.company.com/app:v1.*  only these tags
   *   **                             everything
   * A pattern such as "nginx" is refused as ambiguous: write
   * docker.io/library/nginx.
   *
   * Example: ["registry.company.com", "ghcr.io/myorg/**"].
   */
  readonly allow?: readonly string[];
  /** Image patterns that must not match; they win over allow. For the grammar see allow. Example: ["docker.io", "quay.io", "gcr.io"]. */
  readonly deny?: readonly string[];
  /** Narrower lists for some namespaces: there, the entry's allow must match as well. Of several entries that name a namespace, every one must match. Example: [{names: ["payments", "pci-*"], allow: ["registry.company.com/payments/**"]}]. */
  readonly namespaces?: readonly NamespaceRegistries[];
}

/** A narrower allowlist for some namespaces. */
export interface NamespaceRegistries {
  /** The namespaces; "*" stands for any number of characters. Example: ["payments", "pci-*"]. */
  readonly names: readonly string[];
  /** At least one of these image patterns must match in these namespaces; an empty list refuses every image. For the grammar see registries.allow. Example: ["registry.company.com/payments/**"]. */
  readonly allow: readonly string[];
}

/** Whether an image must be named by its digest (name@sha256:...), which names one content for ever, where a tag can be moved. "digest: {}" asks for a digest. */
export interface Digest {
  /** true (default): an image that is named by a tag alone is a violation. */
  readonly required?: boolean;
  /** true (default): name:tag@sha256:... is fine, the tag being a remark. false: the digest must stand alone. */
  readonly allowTag?: boolean;
  /** true: the registry must serve this digest, and the bytes that it serves must hash to it. Of an image named by a tag alone, the tag must exist. */
  readonly verify?: boolean;
  /** Whether the operator turns name:tag into name:tag@digest on admission. Pods: in Pods only, so that the objects that GitOps tools compare keep their tags. All: in pod templates as well, but not in ReplicaSets that a controller made. Under dryrun nothing is pinned. */
  readonly pin?: "Never" | "Pods" | "All";
  /** What to do about name:tag@digest whose tag now names another digest, and, in audits, about a running container whose image is not what its tag names now. Report: a warning at admission, a violation in audits. Deny: as the enforcementAction says. */
  readonly tagDrift?: "Ignore" | "Report" | "Deny";
}

/** What may be known of an image's vulnerabilities. Without any limit, "scan: {}" asks for a scan report that is bound to this image. */
export interface Scan {
  /** Where scan reports are found, in this order: the first source that has a report for this image decides. Without the field: the annotation trivy.scan.result of the image manifest. Example: [{attestation: {authorities: [ci]}}, {vulnerabilityReport: {namespaces: ["*"]}}]. */
  readonly sources?: readonly ScanSource[];
  /** How many vulnerabilities of each severity an image may have; a severity that is not named has no limit. Example: {critical: 0, high: 5}. */
  readonly maxVulnerabilities?: MaxVulnerabilities;
  /** true: only vulnerabilities that have a fix are counted. false (default): all of them. */
  readonly onlyFixable?: boolean;
  /** The age from which on a scan is stale. Days, hours, minutes and seconds. Example: 24h. */
  readonly maxAge?: string;
  /** The lowest scan score that is accepted, 0 to 100. The score is 100 minus, for each counted vulnerability, 25 (critical), 10 (high), 3 (medium) and 1 (low), and not below 0. */
  readonly minScore?: number;
  /** The highest CVSS base score that a counted vulnerability may have, 0 to 10. Example: 8.9. */
  readonly maxCVSS?: number;
  /** Vulnerabilities that no image may have, whatever the limits; wins over allowCVEs. Example: ["CVE-2021-44228"]. */
  readonly denyCVEs?: readonly string[];
  /** Vulnerabilities that are not counted, each with the reason and, if it is for a time only, until when. Example: [{id: CVE-2024-1234, reason: "not reachable", expires: "2027-01-31T00:00:00Z"}]. */
  readonly allowCVEs?: readonly AllowedVulnerability[];
  /** OpenVEX attestations by these authorities: a vulnerability that one of them states as not_affected or fixed in this image is not counted. */
  readonly vex?: Vex;
  /** Warn: that the scan of an image which a container of the same namespace runs now, as its kubelet reports, has aged, or that a new vulnerability became known, is only a warning at admission, so that time alone never refuses a node drain or a scale-out. Who may write pods/status may claim it of any image. Audits report it in any case. */
  readonly runningImages?: "Deny" | "Warn";
}

/** One source of scan reports; exactly one of its kinds. */
export interface ScanSource {
  /** Signed vulnerability attestations (cosign vuln/v1 and in-toto vulns/v0.2) by one of these authorities; the newest verified one counts. */
  readonly attestation?: {
    /** Names from spec.authorities, each once. Example: [ci]. */
    readonly authorities: readonly string[];
  };
  /** An annotation of the image manifest that holds Trivy's JSON report. Whoever pushes the image writes it: the condition ForgeableSource says so unless the policy asks for signatures too. */
  readonly imageAnnotation?: {
    /** The annotation's key (default: trivy.scan.result). */
    readonly key?: string;
  };
  /** VulnerabilityReport objects of trivy-operator, found by the image's digest; of several the worst counts. They come after the pod: see grace. */
  readonly vulnerabilityReport?: {
    /** Whose reports count: namespaces, "*" standing for any number of characters (default: ["*"], all). */
    readonly namespaces?: readonly string[];
    /** How long after its creation a pod without a report is only warned about, so that the scanner has time to write one (default: 0s). Example: 15m. */
    readonly grace?: string;
  };
  /** An annotation of the pod that holds Trivy's JSON report. Whoever writes the pod can forge it: the condition ForgeableSource says so. */
  readonly podAnnotation?: {
    /** The annotation's key. Example: trivy.scan.result. */
    readonly key: string;
  };
}

/** How many vulnerabilities of each severity an image may have; a severity that is not named has no limit. Example: {critical: 0, high: 5}. */
export interface MaxVulnerabilities {
  /** The largest number of critical vulnerabilities that is accepted. */
  readonly critical?: number;
  /** The largest number of high vulnerabilities that is accepted. */
  readonly high?: number;
  /** The largest number of medium vulnerabilities that is accepted. */
  readonly medium?: number;
  /** The largest number of low vulnerabilities that is accepted. */
  readonly low?: number;
  /** The largest number of vulnerabilities of unknown severity that is accepted. */
  readonly unknown?: number;
}

/** One vulnerability that is not counted. */
export interface AllowedVulnerability {
  /** The id that scanners report: a CVE, a GHSA or a distribution's own. Example: CVE-2021-44228. */
  readonly id: string;
  /** Why the vulnerability is accepted, for those who read the policy. Example: not reachable. */
  readonly reason: string;
  /** From this moment on the vulnerability counts again; without it, never. RFC 3339. Example: 2027-01-31T00:00:00Z. */
  readonly expires?: string;
}

/** OpenVEX attestations by these authorities: a vulnerability that one of them states as not_affected or fixed in this image is not counted. */
export interface Vex {
  /** Names from spec.authorities, each once. Example: [ci]. */
  readonly authorities: readonly string[];
}

/** A signer that is trusted: by a public key, by a keyless identity or by Notation certificates. */
export interface Authority {
  /** The name by which rules of this policy refer to the authority. Example: release. */
  readonly name: string;
  /** A public key; exactly one of its sources. Example: {secretRef: {namespace: opa-system, name: cosign-pub, key: cosign.pub}}. */
  readonly key?: KeySource;
  /** Signatures with a certificate of a Sigstore certificate authority (Fulcio), trusted by the identities that it names. */
  readonly keyless?: Keyless;
  /** Signatures of the Notary Project (notation), trusted by certificates. */
  readonly notation?: Notation;
  /** The certificate authorities and logs of a Sigstore instance, as trusted_root.json or as the lines that `gh attestation trusted-root` prints; exactly one source. Without it: Sigstore's public good instance. Example: {configMapRef: {namespace: image-security-system, name: trust-root, key: trusted_root.json}}. */
  readonly trustRoot?: TrustRoot;
  /** Required (what counts where the field is absent): a signature must be in the transparency log (Rekor). Ignored: entries are not asked for nor looked at; keyless signatures then need a signed timestamp. Not for notation. */
  readonly transparencyLog?: "Required" | "Ignored";
  /** Annotations that the signed payload must have with these values (cosign sign -a). Not for notation. Example: {env: prod}. */
  readonly annotations?: {
    /** The annotation's value, exactly. */
    readonly [k: string]: string;
  };
  /** The repository in which this authority's signatures are, if they are not beside the image. Example: registry.company.com/signatures. */
  readonly repository?: string;
}

/** A public key; exactly one of its sources. Example: {secretRef: {namespace: opa-system, name: cosign-pub, key: cosign.pub}}. */
export interface KeySource {
  /** A key of a Secret, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: opa-system, name: cosign-pub, key: cosign.pub}. */
  readonly secretRef?: KeyReference;
  /** A key of a ConfigMap, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: image-security-system, name: trust, key: ca.crt}. */
  readonly configMapRef?: KeyReference;
  /** One or more public keys in PEM, written here: -----BEGIN PUBLIC KEY----- ... */
  readonly pem?: string;
  /** A key in a key management service, or in a Secret by k8s://namespace/name. Only its public part is read. Example: awskms:///alias/release. */
  readonly kms?: string;
}

/** A key of a Secret, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: opa-system, name: cosign-pub, key: cosign.pub}. */
export interface KeyReference {
  /** The object's namespace. */
  readonly namespace: string;
  /** The object's name. */
  readonly name: string;
  /** The key in the object's data. */
  readonly key: string;
}

/** Signatures with a certificate of a Sigstore certificate authority (Fulcio), trusted by the identities that it names. */
export interface Keyless {
  /** Whom to trust: any one of these. Example: [{issuer: "https://token.actions.githubusercontent.com", subject: "https://github.com/myorg/app/.github/workflows/release.yml@refs/heads/main"}]. */
  readonly identities: readonly Identity[];
  /** Required (what counts where the field is absent): a log of certificates must have promised to show the signer's certificate (SCT). Ignored: promises are not asked for nor looked at, for a certificate authority without such a log, such as GitHub's for private repositories. */
  readonly sct?: "Required" | "Ignored";
}

/** A signer's identity, as the issuer of its token states it. */
export interface Identity {
  /** The token's issuer, exactly. Example: https://token.actions.githubusercontent.com. */
  readonly issuer?: string;
  /** An RE2 expression that the whole issuer must match. Example: https://token\.actions\.[a-z]+\.example\.com. */
  readonly issuerRegExp?: string;
  /** The certificate's subject (the first URI, else email address), exactly. Example: https://github.com/myorg/app/.github/workflows/release.yml@refs/heads/main. */
  readonly subject?: string;
  /** An RE2 expression that the whole subject must match. Example: https://github\.com/myorg/(web|api)/\.github/workflows/release\.yml@refs/tags/v[^/]*. */
  readonly subjectRegExp?: string;
  /** Certificate extensions of Fulcio that must be there with exactly these values, by name. Example: {runnerEnvironment: github-hosted, sourceRepositoryRef: refs/heads/main}. */
  readonly claims?: {
    /** The extension's value, exactly. */
    readonly [k: string]: string;
  };
}

/** Signatures of the Notary Project (notation), trusted by certificates. */
export interface Notation {
  /** The certificate authorities that are trusted; exactly one source. Example: {configMapRef: {namespace: image-security-system, name: notary-ca, key: ca.crt}}. */
  readonly certificates: CertificateSource;
  /** Whom to trust: any one of these; the parts that are written (C, ST and O at least) must be in the certificate's subject. "*", alone, trusts every certificate of these authorities. With awsSigner: ARNs of signing profiles, or of one version (/VERSION). Example: ["x509.subject: C=US, ST=WA, O=company.com"]. */
  readonly identities: readonly string[];
  /** How much is enforced, as the Notary Project defines it; what is not is a warning. strict (default): everything. permissive: not expiry, nor that the certificate was valid, nor revocation. audit: only that the signature is intact and of this image. */
  readonly level?: "strict" | "permissive" | "audit";
  /** The timestamp authorities that are trusted to say when a signature was made; exactly one source. With them every signature needs a timestamp, and its certificate only has to have been valid then; without them it must be valid now. Example: {configMapRef: {namespace: image-security-system, name: tsa, key: ca.crt}}. */
  readonly timestampCertificates?: CertificateSource;
  /** Check (default): certificates are checked for revocation by OCSP, then CRL. Skip: nobody is asked. */
  readonly revocation?: "Check" | "Skip";
  /** Signatures of AWS Signer: certificates are those of its signing authority, identities are signing profiles, and AWS is asked whether anything was revoked (signer:GetRevocationStatus). Example: {}. */
  readonly awsSigner?: {};
}

/** The certificate authorities that are trusted; exactly one source. Example: {configMapRef: {namespace: image-security-system, name: notary-ca, key: ca.crt}}. */
export interface CertificateSource {
  /** A key of a Secret, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: opa-system, name: cosign-pub, key: cosign.pub}. */
  readonly secretRef?: KeyReference;
  /** A key of a ConfigMap, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: image-security-system, name: trust, key: ca.crt}. */
  readonly configMapRef?: KeyReference;
  /** One or more certificates in PEM, written here: -----BEGIN CERTIFICATE----- ... */
  readonly pem?: string;
}

/** The certificate authorities and logs of a Sigstore instance, as trusted_root.json or as the lines that `gh attestation trusted-root` prints; exactly one source. Without it: Sigstore's public good instance. Example: {configMapRef: {namespace: image-security-system, name: trust-root, key: trusted_root.json}}. */
export interface TrustRoot {
  /** A key of a Secret, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: opa-system, name: cosign-pub, key: cosign.pub}. */
  readonly secretRef?: KeyReference;
  /** A key of a ConfigMap, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: image-security-system, name: trust, key: ca.crt}. */
  readonly configMapRef?: KeyReference;
  /** A trusted_root.json, written here. */
  readonly inline?: string;
  /** An instance that is known by name and renewed by TUF: SigstorePublicGood, as without trustRoot, or GitHub, the one of attestations of private repositories, which has no logs (sct and transparencyLog are Ignored then). Example: GitHub. */
  readonly preset?: "SigstorePublicGood" | "GitHub";
  /** A TUF repository that serves trusted_root.json and renews it. */
  readonly tuf?: TufRepository;
}

/** A TUF repository that serves trusted_root.json and renews it. */
export interface TufRepository {
  /** The repository's address. Example: https://tuf.company.com. */
  readonly mirror: string;
  /** The repository's root.json, from which trust begins; exactly one source. Example: {configMapRef: {namespace: image-security-system, name: tuf, key: root.json}}. */
  readonly root: TufRoot;
}

/** The repository's root.json, from which trust begins; exactly one source. Example: {configMapRef: {namespace: image-security-system, name: tuf, key: root.json}}. */
export interface TufRoot {
  /** A key of a Secret, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: opa-system, name: cosign-pub, key: cosign.pub}. */
  readonly secretRef?: KeyReference;
  /** A key of a ConfigMap, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: {namespace: image-security-system, name: trust, key: ca.crt}. */
  readonly configMapRef?: KeyReference;
  /** A root.json, written here. */
  readonly inline?: string;
}

/** Who must have signed the image. Example: {authorities: [release, ci], count: 1}. */
export interface Signatures {
  /** Names from spec.authorities, each once. Example: [ci]. */
  readonly authorities: readonly string[];
  /** How many of the authorities must have signed; without it all of them. Authorities with the same key count once. */
  readonly count?: number;
}

/** A signed statement that must exist about the image. */
export interface Attestation {
  /** The type of the statement's predicate: a URI, compared exactly, one without a scheme as cosign 1 wrote it (cosign.sigstore.dev/attestation/v1), or one of cosign's short names: slsaprovenance, slsaprovenance02, slsaprovenance1, link, spdx, spdxjson, cyclonedx, vuln, openvex, custom. Example: https://slsa.dev/provenance/v1. */
  readonly predicateType: string;
  /** Names from spec.authorities, each once. Example: [ci]. */
  readonly authorities: readonly string[];
  /** How many of the authorities must have signed; without it all of them. Authorities with the same key count once. */
  readonly count?: number;
  /** How old the statement may be. The older of two times counts: when it was signed (log or timestamp, which anybody can have made anew) and the predicate's own finishing time, such as finishedOn; a statement with neither is rejected. Example: 90d. */
  readonly maxAge?: string;
  /** CEL expressions that must all hold on one verified statement of each counted authority. Example: [{expression: 'predicate.runDetails.builder.id == "https://github.com/actions/runner/github-hosted"'}]. */
  readonly conditions?: readonly AttestationCondition[];
}

/** One condition on the statement. */
export interface AttestationCondition {
  /** A CEL expression over predicate, statement and image that gives true or false. An expression that fails to evaluate does not hold. Example: predicate.buildType.startsWith("https://actions.github.io/"). */
  readonly expression: string;
  /** What to tell when it does not hold. Example: not built on a GitHub-hosted runner. */
  readonly message?: string;
}

/** What an image may be built on, as its annotations and labels (org.opencontainers.image.base.name) or its provenance say. Example: {allow: ["registry.company.com/base/**"], required: true}. */
export interface BaseImages {
  /** At least one of these patterns must match the base image; for the grammar see registries.allow. Example: ["registry.company.com/base/**"]. */
  readonly allow?: readonly string[];
  /** Base images that are to be replaced. Example: [{image: "docker.io/library/ubuntu:18.04", replacement: "docker.io/library/ubuntu:24.04"}]. */
  readonly deprecated?: readonly DeprecatedImage[];
  /** true: an image that does not say what it was built on is a violation. Absent or false: it is not. */
  readonly required?: boolean;
  /** If given, only provenance that one of these authorities attested counts, not what the image says of itself. Names from spec.authorities. Example: [ci]. */
  readonly authorities?: readonly string[];
}

/** A base image that is to be replaced. */
export interface DeprecatedImage {
  /** An image pattern: host[:port][/repository][:tag], "*" within one segment, "**" for any number of segments. See registries.allow. */
  readonly image: string;
  /** What to build on instead; the message names it. Example: docker.io/library/ubuntu:24.04. */
  readonly replacement: string;
}

/** Credentials for the repositories that this policy is about. */
export interface RegistryCredentials {
  /** Secrets of type kubernetes.io/dockerconfigjson, in the operator's own namespace or one that it was told to trust (--trust-namespaces). Example: [{namespace: image-security-system, name: pull}]. */
  readonly secretRefs: readonly SecretReference[];
}

/** A Secret with registry credentials. */
export interface SecretReference {
  /** The object's namespace. */
  readonly namespace: string;
  /** The object's name. */
  readonly name: string;
}

/** Whether existing pods are judged too. */
export interface Audit {
  /** true (default): existing pods are judged again and again, and violations recorded. false: only admission asks this policy. */
  readonly enabled?: boolean;
}

/** What the operator made of the policy. Written by the operator only. */
export interface PolicyStatus {
  /** The generation of the policy that this status is about; -1: the operator has not looked at it yet. */
  readonly observedGeneration?: number;
  /** Ready: everything that the policy refers to could be read and understood. Enforced: admission asks the operator about every image; where it does not, the message says why and what to do. EnforcedByAPIServer (with --admission-policies=Registries): what the API server itself refuses, also when the operator is gone, and what not. ForgeableSource, ScanAfterAdmission: what the policy's author should know. */
  readonly conditions?: readonly Condition[];
  /** What is trusted right now. The Event TrustChanged tells of changes. */
  readonly authorities?: readonly AuthorityStatus[];
  /** The actions of enforcementOverrides, each once, joined by commas. Example: deny,dryrun. */
  readonly overrides?: string;
  /** How many pods violate the policy now, counted in full. */
  readonly violations?: number;
  /** How many pods would violate the policy if exceptions did not silence every finding about them. */
  readonly exempted?: number;
  /** How many violations are counted but not stored as objects, because there are more than --max-violations. */
  readonly notStored?: number;
  /** When the last complete audit under this policy ended. */
  readonly lastAuditTime?: string;
}

/** One aspect of the object's state. */
export interface Condition {
  /** The aspect, such as Ready or Active. */
  readonly type: string;
  /** Whether it holds. */
  readonly status: "True" | "False" | "Unknown";
  /** The generation of the object that the condition is about. */
  readonly observedGeneration?: number;
  /** When the condition changed last. */
  readonly lastTransitionTime: string;
  /** Why, in one word for programs. */
  readonly reason: string;
  /** Why, for people. */
  readonly message: string;
}

/** What one authority trusts right now. */
export interface AuthorityStatus {
  /** The authority's name. */
  readonly name: string;
  /** SHA-256 over each public key (DER) or certificate (DER) in force. */
  readonly fingerprints?: readonly string[];
}

/** ImageSecurityException silences, until a date, findings of some policies about some images. A finding is silenced when one exception alone covers it whole: its policy, rule, namespace, image and labels; parts of two exceptions never combine. Silenced findings stay visible in Violations and countable. Whoever may write exceptions may switch off every policy; see docs/exceptions.md. */
export interface ImageSecurityException {
  readonly apiVersion: "imagesecurity.dev/v1";
  readonly kind: "ImageSecurityException";
  readonly metadata: ObjectMeta;
  /** Which findings are silenced, until when and why. */
  readonly spec: ExceptionSpec;
  /** What the operator made of the exception. Written by the operator only. */
  readonly status?: ExceptionStatus;
}

/** Which findings are silenced, until when and why. */
export interface ExceptionSpec {
  /** Names of policies; "*" stands for any number of characters, and never for a revocation. Example: ["production", "team-*"]. An exception from a revocation has revocation.NAME alone, the rule revocation alone, and says in match which repositories or digests. */
  readonly policies: readonly string[];
  /** The rules whose findings are silenced, or All, which is every rule but revocation. Example: [scan]. */
  readonly rules: (
    "reference" | "registries" | "digest" | "scan" | "signatures" | "attestations" | "baseImages" | "revocation" | "All"
  )[];
  /** What the exception is about; each part that is given must hold. At least one of namespaces, images and digests: labels alone are in the hands of whoever writes the pod. */
  readonly match: ExceptionMatch;
  /** Why the exception is granted. Example: the vendor's image is signed from June on. */
  readonly reason: string;
  /** Who granted it. Example: security@company.com. */
  readonly approvedBy?: string;
  /** Where it was discussed. Example: SEC-123. */
  readonly ticket?: string;
  /** From this moment on the findings count again, without anybody doing anything. RFC 3339. At most --max-exception-duration (90d) after the exception was created, 7d with the rule revocation. Example: 2027-01-31T00:00:00Z. */
  readonly expires: string;
}

/** What the exception is about; each part that is given must hold. At least one of namespaces, images and digests: labels alone are in the hands of whoever writes the pod. */
export interface ExceptionMatch {
  /** Only in these namespaces; "*" stands for any number of characters. Example: ["legacy"]. */
  readonly namespaces?: readonly string[];
  /** Only images that at least one of these patterns matches; for the grammar see isp.spec.registries.allow. A tag in a pattern is compared with what the object writes, also beside a digest: where the very bytes are meant, name digests. Example: ["registry.company.com/legacy/**"]. */
  readonly images?: readonly string[];
  /** Only images of these digests: as the object writes them, or, for a tag, as they were found to run. What a tag names is nobody's promise, so that findings about the tag itself are not silenced. Example: ["sha256:9b2c..."]. */
  readonly digests?: readonly string[];
  /** A label selector over the labels of the pod, or of the pod template. Example: {matchLabels: {app: legacy}}. */
  readonly objectSelector?: LabelSelector;
}

/** What the operator made of the exception. Written by the operator only. */
export interface ExceptionStatus {
  /** The generation of the exception that this status is about; -1: the operator has not looked at it yet. */
  readonly observedGeneration?: number;
  /** Active: whether the exception is in force. Its reason is Active; Unused, where it is in force and no pod needs it now; Expired; TooLong, where it would last longer than --max-exception-duration allows, counted from its creation; NotPermitted, where it names a revocation otherwise than alone and exactly; or InvalidSpec. Expiring: it ends within seven days. */
  readonly conditions?: readonly Condition[];
}

/** Violation says that a pod violates an ImageSecurityPolicy now. The operator writes it when it finds so, and deletes it when it no longer holds. There is one for each policy and pod. */
export interface Violation {
  readonly apiVersion: "imagesecurity.dev/v1";
  readonly kind: "Violation";
  readonly metadata: ObjectMeta;
  /** The name of the ImageSecurityPolicy that is violated. */
  readonly policy: string;
  /** The policy's action in force in this namespace; exempted if exceptions silence every finding. */
  readonly enforcementAction: "deny" | "warn" | "dryrun" | "exempted";
  /** The pod that violates the policy. */
  readonly subject: ViolationSubject;
  /** What the policy objects to, image by image. */
  readonly findings: readonly ViolationFinding[];
  /** The findings in short, for columns and queries. Lists are sorted and joined by commas. */
  readonly summary: ViolationSummary;
}

/** The pod that violates the policy. */
export interface ViolationSubject {
  /** The object's API version. */
  readonly apiVersion: string;
  /** The object's kind. */
  readonly kind: string;
  /** The object's name. */
  readonly name: string;
  /** The object's uid. */
  readonly uid: string;
  /** What made the pod, from its owner references. */
  readonly controller?: ViolationController;
}

/** What made the pod, from its owner references. */
export interface ViolationController {
  /** The controller's kind, such as ReplicaSet. */
  readonly kind: string;
  /** The controller's name. */
  readonly name: string;
}

/** One reason why the policy objects to one image. */
export interface ViolationFinding {
  /** The rule that objects. */
  readonly rule: "reference" | "registries" | "digest" | "scan" | "signatures" | "attestations" | "baseImages";
  /** Why, in one word. */
  reason:
    | "ImageMalformed"
    | "RegistryNotAllowed"
    | "RegistryDenied"
    | "LookalikeRegistry"
    | "DigestRequired"
    | "DigestMalformed"
    | "TagForbidden"
    | "DigestNotFound"
    | "DigestMismatch"
    | "TagDrift"
    | "TagNotPinned"
    | "ScanMissing"
    | "ScanInvalid"
    | "ScanMismatch"
    | "ScanStale"
    | "ScanVulnerable"
    | "ScanScoreLow"
    | "SignatureMissing"
    | "SignatureInvalid"
    | "SignatureUntrusted"
    | "TransparencyMissing"
    | "AttestationMissing"
    | "AttestationInvalid"
    | "AttestationUntrusted"
    | "AttestationRejected"
    | "BaseImageUnknown"
    | "BaseImageNotAllowed"
    | "BaseImageDeprecated"
    | "EvidenceUnavailable";
  /** The container, or the image volume. */
  readonly container: string;
  /** The image as the pod writes it. */
  readonly image: string;
  /** The digest that was judged, where it is known. */
  readonly digest?: string;
  /** What the finding would do to a request; allow where onUnavailable says so. */
  readonly action?: "deny" | "warn" | "dryrun" | "allow";
  /** What was found, what was expected and what to do. */
  readonly message: string;
  /** The exception that silences the finding. */
  readonly exempted?: Exempted;
}

/** The exception that silences the finding. */
export interface Exempted {
  /** The name of the ImageSecurityException. */
  readonly by: string;
  /** When it ends. */
  readonly expires: string;
}

/** The findings in short, for columns and queries. Lists are sorted and joined by commas. */
export interface ViolationSummary {
  /** How many findings there are. */
  readonly count: number;
  /** The rules that object. */
  readonly rules: string;
  /** The reasons. */
  readonly reasons: string;
  /** The images concerned, of their digests the first 12 digits; findings have them whole. */
  readonly images: string;
  /** What made the pod, as kubectl takes it. Example: ReplicaSet/web. */
  readonly owner?: string;
}

/** Standard object metadata, as far as it is read here. */
export interface ObjectMeta {
  /** Unique in its scope. */
  readonly name: string;
  /** Absent where the kind is cluster-scoped. */
  readonly namespace?: string;
  /** Set by the API server. */
  readonly uid?: string;
  /** Set by the API server. */
  readonly resourceVersion?: string;
  /** Counts changes of the specification. Set by the API server. */
  readonly generation?: number;
  /** RFC 3339. Set by the API server. */
  readonly creationTimestamp?: string;
  /** RFC 3339. Set by the API server. */
  readonly deletionTimestamp?: string;
  /** For selectors. */
  readonly labels?: {
    readonly [k: string]: string;
  };
  /** For tools and people. */
  readonly annotations?: {
    readonly [k: string]: string;
  };
  /** What this object goes away with. */
  readonly ownerReferences?: readonly OwnerReference[];
}

/** An object that this one goes away with. */
export interface OwnerReference {
  /** The owner's API version. */
  readonly apiVersion: string;
  /** The owner's kind. */
  readonly kind: string;
  /** The owner's name. */
  readonly name: string;
  /** The owner's uid. */
  readonly uid: string;
  /** Whether the owner manages this object. */
  readonly controller?: boolean;
  /** Whether this object delays the owner's deletion. */
  readonly blockOwnerDeletion?: boolean;
}
