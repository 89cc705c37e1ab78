import type { Authority, Notation } from "../../../../../crds/types.ts";
import { createNotationEvidence } from "../../../../../evidence/notation/notationEvidence.ts";
import type { AwsRevocations } from "../../../../../evidence/notation/revocation/awsRevocations.ts";
import type { Fetched, RevocationFetcher } from "../../../../../evidence/notation/revocation/fetcher.ts";
import { KeptLists } from "../../../../../evidence/notation/revocation/keptLists.ts";
import { createRevocations } from "../../../../../evidence/notation/revocation/revocations.ts";
import { createNotationVerifier } from "../../../../../evidence/notation/verify/notationVerifier.ts";
import type { Target } from "../../../../../evidence/notation/verify/payload.ts";
import type { FactContext, FactProvider, ProvidedFacts } from "../../../../../evidence/provider.ts";
import type { OutcomeTimes } from "../../../../../evidence/sigstore/keptOutcomes.ts";
import type { CompiledPolicy } from "../../../../../policy/compiledPolicy.ts";
import { judgeSignatures } from "../../../../../policy/rules/signatures.ts";
import { MemoryRepository } from "../../sigstore/memoryRepository.ts";
import { contextOf, silent, type Asking, type Clock } from "../../sigstore/underTest.ts";
import { makeEnvelope, type EnvelopeOptions } from "./envelopes.ts";
import { NOW, pemOf, type Identity } from "./pki.ts";

export const SIGNATURE = "application/vnd.cncf.notary.signature";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const TYPES = { jws: "application/jose+json", cose: "application/cose" } as const;

/** Places that certificates name, in memory: what they give, and how often each was asked. */
export class Places implements RevocationFetcher {
  readonly answers: Map<string, (body: Buffer | undefined) => Fetched | Promise<Fetched>> = new Map();
  readonly asked: string[] = [];

  serve(url: string, bytes: () => Buffer): void {
    this.answers.set(url, () => ({ status: "fetched", bytes: bytes() }));
  }

  fetch: RevocationFetcher["fetch"] = async ({ url, body }, signal) => {
    const place = [...this.answers.keys()].find((one) => url.startsWith(one)) ?? url;
    this.asked.push(place);
    const answer = await this.answers.get(place)?.(body?.bytes);
    if (signal.aborted) return { status: "failed", cause: "timeout", lasting: false };
    return answer ?? { status: "failed", cause: "network", lasting: false };
  };
  close = (): Promise<void> => Promise.resolve();
}

export interface UnderTest {
  readonly provider: FactProvider;
  readonly clock: Clock;
  readonly places: Places;
}

export const notationUnderTest = (
  options: {
    readonly clock?: Clock;
    readonly aws?: AwsRevocations;
    readonly times?: Partial<OutcomeTimes>;
    readonly workers?: number;
  } = {},
): UnderTest => {
  const { clock = { now: NOW }, workers = 0 } = options;
  const places = new Places();
  const examiner = createNotationVerifier({ workers });
  const time = (): number => clock.now;
  const revocations = createRevocations({
    fetcher: places,
    examiner,
    lists: new KeptLists(places, time),
    aws: options.aws ?? { check: () => Promise.resolve({ status: "good" }) },
    metrics: silent,
    clock: time,
  });
  const provider = createNotationEvidence({
    examiner,
    revocations,
    metrics: silent,
    clock: time,
    ...(options.times === undefined ? {} : { times: options.times }),
  });
  return { provider, clock, places };
};

/** An authority that trusts these roots, and everybody whom they certify. */
export const byNotation = (roots: readonly Identity[], more: Partial<Notation> = {}, name = "notary"): Authority => ({
  name,
  notation: { certificates: { pem: pemOf(...roots) }, identities: ["*"], ...more },
});

/** An image in a repository of its own, and what signatures have to name. */
export class SignedImage {
  readonly repository: MemoryRepository;
  readonly target: Target;

  constructor(name?: string) {
    this.repository = new MemoryRepository(name);
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [], config: {} }));
    const digest = this.repository.putManifest(bytes);
    this.target = { mediaType: OCI_MANIFEST, digest, size: bytes.length };
  }

  /** Signs the image, or what the test says. */
  sign(
    signer: Identity,
    options: EnvelopeOptions & { readonly created?: string; readonly in?: MemoryRepository } = {},
  ): string {
    const envelope = makeEnvelope(signer, { payload: { targetArtifact: this.target }, ...options });
    return this.attach(envelope, TYPES[options.format ?? "jws"], options);
  }

  attach(
    bytes: Buffer,
    mediaType: string = TYPES.jws,
    {
      created,
      in: repository = this.repository,
      artifactType = SIGNATURE,
    }: { created?: string; in?: MemoryRepository; artifactType?: string } = {},
  ): string {
    return repository.put([{ mediaType, bytes }], {
      subject: this.target.digest,
      artifactType,
      ...(created === undefined ? {} : { annotations: { "org.opencontainers.image.created": created } }),
    });
  }

  context(policies: readonly CompiledPolicy[], asking: Partial<Asking> = {}): FactContext {
    const { repository, target } = this;
    return {
      ...contextOf(policies, { repository, digest: target.digest, now: NOW, ...asking }),
      manifest: () => repository.manifest(target.digest, asking.signal ?? new AbortController().signal),
    };
  }

  async gather(
    { provider }: Pick<UnderTest, "provider">,
    policy: CompiledPolicy,
    asking: Partial<Asking> = {},
  ): Promise<ProvidedFacts> {
    return provider.gather(this.context([policy], asking));
  }

  /** What the policy's signature rule says: each finding as `REASON: detail`, `warn` before what is only a warning. */
  async judge(
    under: Pick<UnderTest, "provider">,
    policy: CompiledPolicy,
    asking: Partial<Asking> = {},
  ): Promise<readonly string[]> {
    return said(policy, await this.gather(under, policy, asking));
  }
}

export const said = (
  { signatures: rule }: CompiledPolicy,
  { signatures = new Map() }: ProvidedFacts,
): readonly string[] =>
  rule === undefined
    ? []
    : judgeSignatures(rule, { signatures }).map(
        ({ reason, detail, atMost, unavailable }) =>
          `${atMost === undefined ? "" : `${atMost} `}${reason}${unavailable === "configuration" ? " (configuration)" : ""}: ${detail}`,
      );
