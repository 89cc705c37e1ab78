import type { Authority, PolicySpec } from "../../../../crds/types.ts";
import {
  createCosignEvidence,
  type CosignEvidence,
  type CosignTools,
} from "../../../../evidence/sigstore/cosignEvidence.ts";
import type { FactContext, ProvidedFacts } from "../../../../evidence/provider.ts";
import { createKmsKeys } from "../../../../evidence/trust/keys/kmsKeys.ts";
import type { RepositoryReader } from "../../../../evidence/registry/repository.ts";
import { createTrustRoots } from "../../../../evidence/trust/trustRoots.ts";
import { createCandidateVerifier } from "../../../../evidence/sigstore/verify/candidateVerifier.ts";
import type { CompiledPolicy } from "../../../../policy/compiledPolicy.ts";
import { compilePolicy } from "../../../../policy/compile/policy.ts";
import type { Resolve } from "../../../../policy/compile/resolve.ts";
import type { RuleFinding } from "../../../../policy/finding/finding.ts";
import { parseReference, type Reference } from "../../../../policy/image/reference.ts";
import { judgeAttestations } from "../../../../policy/rules/attestations.ts";
import { judgeSignatures } from "../../../../policy/rules/signatures.ts";
import { Standing } from "../../../../evidence/standing.ts";

/** Metrics that nobody reads. */
export const silent: CosignTools["metrics"] = {
  registryRequest: () => undefined,
  cacheRequest: () => undefined,
  unavailable: () => undefined,
};

/** A clock that tests move, in milliseconds since the epoch. */
export interface Clock {
  now: number;
}

/** Evidence with everything in place and nothing on the network: no TUF, no key service, no worker. */
export const evidenceUnderTest = (
  clock: Clock = { now: Date.now() },
  tools: Partial<CosignTools> = {},
): CosignEvidence =>
  createCosignEvidence({
    examiner: createCandidateVerifier({ workers: 0 }),
    metrics: silent,
    clock: () => clock.now,
    kms: createKmsKeys({ clock: () => clock.now, onFailure: () => undefined }),
    roots: createTrustRoots({
      cacheDirectory: "/nonexistent",
      publicGoodUpdates: false,
      clock: () => clock.now,
      onFailure: () => undefined,
    }),
    ...tools,
  });

export const compile = (
  spec: PolicySpec,
  resolve: Resolve = () => ({ status: "missing", message: "is not there" }),
): CompiledPolicy =>
  compilePolicy(
    { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name: "test" }, spec },
    resolve,
  );

/** A policy that wants a signature of every one of these authorities. */
export const signedBy = (...authorities: readonly Authority[]): PolicySpec => ({
  authorities: [...authorities],
  signatures: { authorities: authorities.map(({ name }) => name) },
});

/** An authority of a bare key, without a log unless told otherwise. */
export const byKey = (pem: string, more: Partial<Authority> = {}): Authority => ({
  name: "release",
  key: { pem },
  transparencyLog: "Ignored",
  ...more,
});

export const referenceTo = (digest: string, name = "registry.example.com/app"): Reference => {
  const parsed = parseReference(`${name}@${digest}`);
  if (parsed.status !== "ok") throw new Error(parsed.message);
  return parsed.reference;
};

export interface Asking {
  readonly repository: RepositoryReader;
  readonly digest: string;
  readonly others?: readonly RepositoryReader[];
  readonly signal?: AbortSignal;
  readonly now?: number;
  readonly name?: string;
}

export const contextOf = (policies: readonly CompiledPolicy[], asking: Asking): FactContext => {
  const { repository, digest, others = [], signal = new AbortController().signal, now = Date.now(), name } = asking;
  const reference = referenceTo(digest, name);
  const image = {
    container: "app",
    field: "containers",
    path: "",
    image: reference.original,
    parsed: parseReference(reference.original),
  } as const;
  const subject = {
    kind: "Pod",
    namespace: "default",
    namespaceLabels: {},
    labels: {},
    annotations: {},
    template: false,
    serviceAccount: "default",
    imagePullSecrets: [],
    images: [image],
  };
  return {
    request: { subject, image, policies, mode: "admission", signal, now, dryRun: false },
    reference,
    digest,
    repository,
    open: (wanted) => {
      const found = others.find((one) => one.name === wanted);
      if (found === undefined) throw new Error(`nobody opens ${wanted}`);
      return found;
    },
    manifest: () => ({ status: "absent", message: "is not asked for" }),
    standing: new Standing(),
  };
};

/** What the policy's signature and attestation rules say of an image, and what was gathered for it. */
export const judge = async (
  evidence: CosignEvidence,
  policy: CompiledPolicy,
  asking: Asking,
): Promise<{ readonly findings: readonly RuleFinding[]; readonly facts: ProvidedFacts }> => {
  const facts = await evidence.provider.gather(contextOf([policy], asking));
  return { facts, findings: findingsOf(policy, facts, asking) };
};

export const findingsOf = (
  policy: CompiledPolicy,
  facts: ProvidedFacts,
  { digest, now = Date.now(), name }: Asking,
): readonly RuleFinding[] => {
  const { signatures = new Map(), attestations = new Map() } = facts;
  const judged = { signatures, attestations, digest: { status: "verified", value: digest } } as const;
  return [
    ...(policy.signatures === undefined ? [] : judgeSignatures(policy.signatures, judged)),
    ...(policy.attestations ?? []).flatMap((rule) =>
      judgeAttestations(rule, judged, { reference: referenceTo(digest, name), now }),
    ),
  ];
};

export const reasonsOf = (findings: readonly RuleFinding[]): readonly string[] => findings.map(({ reason }) => reason);
