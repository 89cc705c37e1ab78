import assert from "node:assert/strict";
import type { Attestation, Authority, Identity, PolicySpec } from "../../crds/types.ts";
import type { Resolve } from "../../policy/compile/resolve.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import {
  keyHand,
  payloadOf,
  publicPem,
  SIGN,
  sigstoreInstance,
  statementOf,
  type Hand,
  type SigstoreInstance,
} from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { compile, evidenceUnderTest, judge } from "../unit/evidence/sigstore/underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const digest = `sha256:${"a".repeat(64)}`;
const provenance = "https://slsa.dev/provenance/v1";

/** CVE-2025-29778: a field of a policy that nothing reads. Here each one is changed, and the verdict has to change with it. */
describe("every field of authorities, signatures and attestations decides something", () => {
  let sigstore: SigstoreInstance;
  let foreign: SigstoreInstance;
  let base: PolicySpec;
  let release: Hand;
  const stranger = publicPem(keyHand());
  const repository = new MemoryRepository("registry.example.com/app");
  const elsewhere = new MemoryRepository("registry.example.com/signatures");
  const texts = new Map<string, string>();
  const resolve: Resolve = ({ kind, namespace, name, key }) => {
    const text = texts.get([kind, namespace, name, key].join("/"));
    return text === undefined ? { status: "missing", message: "is not there" } : { status: "found", text };
  };
  const passes = async (spec: PolicySpec): Promise<boolean> =>
    (await judge(evidenceUnderTest(), compile(spec, resolve), { repository, digest, others: [elsewhere] })).findings
      .length === 0;

  before(async function () {
    this.timeout(30_000);
    sigstore = await sigstoreInstance();
    foreign = await sigstoreInstance();
    release = keyHand();
    const ci = await sigstore.issue({ claims: { runnerEnvironment: "github-hosted" } });
    texts.set("Secret/trust/release/cosign.pub", publicPem(release));
    texts.set("Secret/trust/release/other.pub", stranger);
    texts.set("Secret/trust/other/cosign.pub", stranger);
    texts.set("Secret/other/release/cosign.pub", stranger);
    texts.set("ConfigMap/trust/root/trusted_root.json", sigstore.trustedRoot);
    texts.set("ConfigMap/trust/root/foreign.json", foreign.trustedRoot);
    const attach = (bundle: unknown): string =>
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
    attach(await sigstore.bundle(ci, statementOf(digest, SIGN, {}, { env: "prod" })));
    attach(await sigstore.bundle(ci, statementOf(digest, provenance, { builder: "hosted" })));
    const bytes = payloadOf(digest);
    const annotations = await sigstore.annotations(release, bytes, { log: "none" });
    elsewhere.put([{ mediaType: SIMPLE, bytes, annotations }], { tag: `${digest.replace(":", "-")}.sig` });
    base = {
      authorities: [
        {
          name: "release",
          key: { secretRef: { namespace: "trust", name: "release", key: "cosign.pub" } },
          transparencyLog: "Ignored",
          repository: "registry.example.com/signatures",
        },
        {
          name: "ci",
          keyless: {
            identities: [
              {
                issuer: "https://issuer.example.com",
                subject: "https://example.com/workflow@refs/heads/main",
                claims: { runnerEnvironment: "github-hosted" },
              },
            ],
          },
          trustRoot: { configMapRef: { namespace: "trust", name: "root", key: "trusted_root.json" } },
        },
        { name: "nobody", key: { pem: stranger }, transparencyLog: "Ignored" },
      ],
      signatures: { authorities: ["release", "ci"], count: 2 },
      attestations: [
        {
          predicateType: provenance,
          authorities: ["ci", "nobody"],
          count: 1,
          maxAge: "1h",
          conditions: [{ expression: 'predicate.builder == "hosted"' }],
        },
      ],
    };
  });

  const authority = (at: number, change: (authority: Authority) => object): PolicySpec => ({
    ...base,
    authorities: base.authorities!.map((one, index) => (index === at ? { ...one, ...change(one) } : one)),
  });
  const identity = (change: Partial<Record<keyof Identity, unknown>>): PolicySpec =>
    authority(1, ({ keyless }) => {
      const merged = { ...keyless!.identities[0], ...change };
      return {
        keyless: {
          identities: [Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined))],
        },
      };
    });
  const attestation = (change: Partial<Attestation>): PolicySpec => ({
    ...base,
    attestations: [{ ...base.attestations![0]!, ...change }],
  });
  /** The authority at a place twice, the second time asking for more; both must have signed. */
  const twice = (at: number, more: Partial<Authority>): PolicySpec => ({
    ...base,
    authorities: [...base.authorities!, { ...base.authorities![at]!, ...more, name: "again" }],
    signatures: { authorities: [base.authorities![at]!.name, "again"] },
  });
  const secret = (change: object): PolicySpec =>
    authority(0, ({ key }) => ({ key: { secretRef: { ...key!.secretRef, ...change } } }));

  it("and the policy that they are changed in passes", async () => {
    assert.equal(await passes(base), true);
  });

  const changes: readonly (readonly [field: string, spec: () => PolicySpec])[] = [
    ["key.secretRef.namespace", () => secret({ namespace: "other" })],
    ["key.secretRef.name", () => secret({ name: "other" })],
    ["key.secretRef.key", () => secret({ key: "other.pub" })],
    [
      "key.configMapRef",
      () => authority(0, () => ({ key: { configMapRef: { namespace: "trust", name: "release", key: "cosign.pub" } } })),
    ],
    ["key.pem", () => authority(0, () => ({ key: { pem: stranger } }))],
    ["key.kms", () => authority(0, () => ({ key: { kms: "hashivault://other" } }))],
    ["keyless.identities.issuer", () => identity({ issuer: "https://other" })],
    ["keyless.identities.issuerRegExp", () => identity({ issuer: undefined, issuerRegExp: "https://other.*" })],
    ["keyless.identities.subject", () => identity({ subject: "https://other" })],
    ["keyless.identities.subjectRegExp", () => identity({ subject: undefined, subjectRegExp: "https://other.*" })],
    ["keyless.identities.claims", () => identity({ claims: { runnerEnvironment: "self-hosted" } })],
    [
      "trustRoot.configMapRef",
      () =>
        authority(1, () => ({
          trustRoot: { configMapRef: { namespace: "trust", name: "root", key: "foreign.json" } },
        })),
    ],
    [
      "trustRoot.secretRef",
      () =>
        authority(1, () => ({
          trustRoot: { secretRef: { namespace: "trust", name: "root", key: "trusted_root.json" } },
        })),
    ],
    ["trustRoot.inline", () => authority(1, () => ({ trustRoot: { inline: foreign.trustedRoot } }))],
    ["trustRoot (public good)", () => authority(1, () => ({ trustRoot: undefined }))],
    [
      "transparencyLog (key)",
      () => authority(0, () => ({ transparencyLog: "Required", trustRoot: { inline: sigstore.trustedRoot } })),
    ],
    [
      "keyless.sct (of a root without certificate logs)",
      () => authority(1, () => ({ trustRoot: { inline: JSON.stringify({ ...sigstore.root, ctlogs: [] }) } })),
    ],
    ["transparencyLog (keyless)", () => authority(1, () => ({ transparencyLog: "Ignored" }))],
    ["annotations (key)", () => authority(0, () => ({ annotations: { env: "prod" } }))],
    ["annotations (keyless)", () => authority(1, () => ({ annotations: { env: "test" } }))],
    ["repository", () => authority(0, () => ({ repository: undefined }))],
    ["name", () => authority(0, () => ({ name: "renamed" }))],
    ["signatures.authorities", () => ({ ...base, signatures: { authorities: ["release", "nobody"], count: 2 } })],
    ["signatures.count", () => ({ ...base, signatures: { authorities: ["release", "ci", "nobody"], count: 3 } })],
    [
      "signatures.count (all where it is absent)",
      () => ({ ...base, signatures: { authorities: ["release", "ci", "nobody"] } }),
    ],
    ["annotations (one key twice)", () => twice(0, { annotations: { env: "prod" } })],
    [
      "transparencyLog (one key twice)",
      () => twice(0, { transparencyLog: "Required", trustRoot: { inline: sigstore.trustedRoot } }),
    ],
    ["annotations (one identity twice)", () => twice(1, { annotations: { env: "test" } })],
    ["attestations.predicateType", () => attestation({ predicateType: "https://slsa.dev/provenance/v0.2" })],
    ["attestations.authorities", () => attestation({ authorities: ["nobody"] })],
    ["attestations.count", () => attestation({ count: 2 })],
    ["attestations.maxAge", () => attestation({ maxAge: "0s" })],
    [
      "attestations.conditions.expression",
      () => attestation({ conditions: [{ expression: 'predicate.builder == "own"' }] }),
    ],
  ];
  for (const [field, spec] of changes)
    it(`refuses after a change of ${field}`, async () => assert.equal(await passes(spec()), false));

  const harmless: readonly (readonly [field: string, spec: () => PolicySpec])[] = [
    ["signatures.count", () => ({ ...base, signatures: { authorities: ["release", "ci", "nobody"], count: 2 } })],
    ["name of the same key", () => twice(0, {})],
    ["demand on the same identity", () => twice(1, { annotations: { env: "prod" } })],
    ["key.pem of the same key", () => authority(0, () => ({ key: { pem: publicPem(release) } }))],
    [
      "issuerRegExp and subjectRegExp that match",
      () =>
        identity({
          issuer: undefined,
          issuerRegExp: "https://issuer\\.example\\.com",
          subject: undefined,
          subjectRegExp: "https://example\\.com/.*",
        }),
    ],
    // Attestations have no annotations of their own, so that an authority that demands some counts for signatures only.
    [
      "annotations that are there",
      () => {
        const { attestations, ...rest } = authority(1, () => ({ annotations: { env: "prod" } }));
        assert.ok(attestations);
        return rest;
      },
    ],
    ["attestations.maxAge", () => attestation({ maxAge: "365d" })],
    [
      "keyless.sct, and a root without certificate logs",
      () =>
        authority(1, ({ keyless }) => ({
          keyless: { ...keyless, sct: "Ignored" },
          trustRoot: { inline: JSON.stringify({ ...sigstore.root, ctlogs: [] }) },
        })),
    ],
    ["trustRoot.inline of the same root", () => authority(1, () => ({ trustRoot: { inline: sigstore.trustedRoot } }))],
  ];
  for (const [field, spec] of harmless)
    it(`passes with another ${field}`, async () => assert.equal(await passes(spec()), true));

  it("keeps the message of a condition", async () => {
    const spec = attestation({ conditions: [{ expression: "predicate.builder == 'own'", message: "not ours" }] });
    const { findings } = await judge(evidenceUnderTest(), compile(spec, resolve), {
      repository,
      digest,
      others: [elsewhere],
    });
    assert.match(findings[0]!.detail, /not ours/);
  });
});
