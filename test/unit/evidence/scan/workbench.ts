import assert from "node:assert/strict";
import type { AnswerAge, ProveAttestations } from "../../../../evidence/attestations.ts";
import type { FactContext, FactProvider, Gather } from "../../../../evidence/provider.ts";
import type { ContentReason, Manifest, RepositoryReader } from "../../../../evidence/registry/repository.ts";
import { createReview } from "../../../../engine/review.ts";
import { readScansHere, type ReadScans } from "../../../../evidence/scan/formats/readScans.ts";
import { createScanProvider } from "../../../../evidence/scan/scanProvider.ts";
import type { StoredReport } from "../../../../evidence/scan/formats/vulnerabilityReport.ts";
import { attestationKey } from "../../../../policy/facts/attestationKey.ts";
import { compilePolicy } from "../../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../../policy/compiledPolicy.ts";
import type { Decision } from "../../../../policy/finding/decision.ts";
import type { AttestationOutcome, ProvedStatement } from "../../../../policy/facts/facts.ts";
import type { Outcome } from "../../../../policy/facts/outcome.ts";
import { subjectOf } from "../../../../policy/subject/subjectOf.ts";
import type { Authority, PolicySpec } from "../../../../crds/types.ts";
import type { Pushable } from "../../../../sandbox/registry/images.ts";
import { Standing } from "../../../../evidence/standing.ts";

export const NOW: number = Date.parse("2026-11-20T12:00:00Z");
/** Any P-256 public key: what it proves is up to the tests. */
const PEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
`;
export const CI: Authority = { name: "ci", key: { pem: PEM }, transparencyLog: "Ignored" };

export type Failure = Exclude<Outcome<never, ContentReason>, { readonly status: "verified" }>;

export const policyOf = (spec: PolicySpec, name = "p"): CompiledPolicy => {
  const policy = compilePolicy(
    { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name }, spec },
    () => ({ status: "missing", reason: "ReferenceNotFound", message: "no references here" }) as never,
  );
  assert.deepEqual(policy.faults, []);
  return policy;
};

/** A repository in memory, a prover that says what it is told, and the provider between them. */
export class Workbench {
  readonly calls: string[] = [];
  readonly ages: AnswerAge[] = [];
  /** What a call gives instead of its answer: `manifest DIGEST` or `blob DIGEST`. */
  fail: (call: string) => Failure | undefined = () => undefined;
  /** By digest and predicate type; `undefined` is absent. */
  readonly attested: Map<string, AttestationOutcome> = new Map();
  reports: readonly StoredReport[] | undefined = [];
  running: readonly string[] = [];
  parses = 0;
  now: number = NOW;
  readonly provider: FactProvider;
  readonly #manifests = new Map<string, Manifest>();
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #known = new Set<string>();
  readonly #absent: AttestationOutcome = { status: "absent", message: "no attestation of this type was found" };

  constructor(read: ReadScans = readScansHere) {
    const counted: ReadScans = {
      text: (text, signal) => {
        this.parses += 1;
        return read.text(text, signal);
      },
      list: (text, signal) => read.list(text, signal),
      statement: (statement, signal) => read.statement(statement, signal),
    };
    this.provider = createScanProvider({
      prove: this.#prove,
      reports: (digest) => this.reports?.filter((report) => report.digest === digest),
      runs: (_, __, digests) => digests.some((digest) => this.running.includes(digest)),
      read: counted,
    });
  }

  put(image: Pushable): void {
    for (const child of image.children) this.put(child);
    for (const blob of image.blobs) this.#blobs.set(blob.digest, blob.bytes);
    const json = JSON.parse(Buffer.from(image.bytes).toString("utf8")) as Partial<Manifest>;
    this.#manifests.set(image.digest, {
      digest: image.digest,
      mediaType: image.mediaType,
      size: image.bytes.length,
      bytes: image.bytes,
      layers: json.layers ?? [],
      manifests: json.manifests ?? [],
      annotations: json.annotations ?? {},
      ...(json.config === undefined ? {} : { config: json.config }),
    });
  }

  /** Attests a predicate about a digest. */
  attest(digest: string, predicateType: string, ...predicates: readonly unknown[]): void {
    const value = predicates.map((predicate): ProvedStatement => ({
      predicateType,
      predicate,
      statement: {},
      proof: { fingerprint: "f", signer: "f" },
    }));
    this.attested.set(`${digest} ${predicateType}`, { status: "verified", value });
  }

  #prove: ProveAttestations = (_, digest, wants, age) => {
    this.ages.push(age);
    const answers = new Map(
      wants.map(({ predicateType, authority }) => [
        attestationKey(predicateType, authority.id),
        this.attested.get(`${digest} ${predicateType}`) ?? this.#absent,
      ]),
    );
    const key = `prove ${digest} ${wants.map(({ predicateType }) => predicateType).join(",")}`;
    return this.#once(key, answers);
  };

  /** A promise at first, at once when it is known. */
  #once<T>(key: string, value: T): T | Promise<T> {
    if (this.#known.has(key)) return value;
    this.#known.add(key);
    return Promise.resolve(value);
  }

  #answer<T>(call: string, value: T | undefined): Outcome<T, ContentReason> {
    const failure = this.fail(call);
    if (failure !== undefined) return failure;
    return value === undefined ? { status: "absent", message: "is not there" } : { status: "verified", value };
  }

  readonly repository: RepositoryReader = {
    name: "registry.company.com/web",
    scope: "anonymous",
    resolveTag: async () => ({ status: "absent", message: "not asked here" }),
    manifestByTag: async () => ({ status: "absent", message: "not asked here" }),
    manifest: async (digest) => {
      this.calls.push(`manifest ${digest}`);
      await Promise.resolve();
      return this.#answer(`manifest ${digest}`, this.#manifests.get(digest));
    },
    blob: async (digest) => {
      this.calls.push(`blob ${digest}`);
      await Promise.resolve();
      return this.#answer(`blob ${digest}`, this.#blobs.get(digest));
    },
    referrers: async function* () {
      // The prover does not read here.
    },
  };

  context(policies: readonly CompiledPolicy[], digest: string, pod: object = {}): FactContext {
    const subject = subjectOf(
      { ...pod, spec: { containers: [{ name: "web", image: `registry.company.com/web@${digest}` }] } },
      { kind: "Pod", namespace: "default", namespaceLabels: {} },
    );
    const [image] = subject.images;
    assert.ok(image?.parsed.status === "ok");
    const key = `manifest ${digest}`;
    return {
      request: {
        subject,
        image,
        policies,
        mode: "admission",
        signal: AbortSignal.timeout(5_000),
        now: this.now,
        dryRun: false,
      },
      reference: image.parsed.reference,
      digest,
      repository: this.repository,
      open: () => this.repository,
      standing: new Standing(),
      manifest: () => this.#once(key, this.#answer(key, this.#manifests.get(digest))),
    };
  }

  /** The decision about a pod with this image, by the real engine around the provider. */
  async decide(spec: PolicySpec, digest: string, pod: object = {}): Promise<Decision> {
    const policy = policyOf(spec);
    const gather: Gather = async (request) => {
      const context = this.context([policy], digest, pod);
      const facts = await this.provider.gather({ ...context, request });
      return {
        signatures: new Map(),
        attestations: new Map(),
        scans: new Map(),
        ...facts,
        digest: { status: "verified", value: digest },
      };
    };
    const { request } = this.context([policy], digest, pod);
    return createReview(gather, (error) => assert.fail(String(error)))({ ...request, policies: [policy] });
  }

  async reasons(spec: PolicySpec, digest: string, pod: object = {}): Promise<string> {
    const { verdict, findings } = await this.decide(spec, digest, pod);
    return [verdict, ...findings.map(({ reason }) => reason)].join(" ");
  }
}
