import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { PolicySpec } from "../../crds/types.ts";
import type { AnswerAge } from "../../evidence/attestations.ts";
import type { FactContext, Gather, ProvidedFacts } from "../../evidence/provider.ts";
import { createReview } from "../../engine/review.ts";
import type { AttestationOutcome } from "../../policy/facts/facts.ts";
import { readScansHere } from "../../evidence/scan/formats/readScans.ts";
import { createScanProvider } from "../../evidence/scan/scanProvider.ts";
import { makeImage, makeIndex, type Image, type Pushable } from "../../sandbox/registry/images.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import { keyHand, publicPem, sigstoreInstance, statementOf } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, compile, contextOf, evidenceUnderTest, type Clock } from "../unit/evidence/sigstore/underTest.ts";
import { cosignVuln, trivyReport, type Found } from "../unit/evidence/scan/reports.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const VULN = "https://cosign.sigstore.dev/attestation/vuln/v1";
const IN_TOTO = "https://in-toto.io/attestation/vulns/v0.2";
const OPENVEX = "https://openvex.dev/ns";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const BAD: Found = { id: "CVE-2021-44228", severity: "CRITICAL" };
const hand = keyHand();
const authorities = [byKey(publicPem(hand), { name: "ci" })];

/** Whoever may push must not turn "no" into "could not tell": every policy here lets in what could not be told. */
const attested: PolicySpec = {
  authorities,
  onUnavailable: "allow",
  scan: {
    sources: [{ attestation: { authorities: ["ci"] } }, { imageAnnotation: {} }],
    maxVulnerabilities: { critical: 0 },
  },
};

/** A registry, and the whole way from it to a verdict. */
class Gate {
  readonly repository = new MemoryRepository();
  readonly clock: Clock = { now: Date.now() };
  #asking: FactContext | undefined;
  #signal: AbortSignal = AbortSignal.timeout(0);
  readonly #evidence = evidenceUnderTest(this.clock);
  readonly #provider = createScanProvider({
    prove: this.#evidence.proveAttestations,
    reports: () => [],
    runs: () => false,
    read: readScansHere,
  });

  push(image: Pushable): void {
    for (const child of image.children) this.push(child);
    for (const { bytes } of image.blobs) this.repository.putBlob(bytes);
    this.repository.putManifest(image.bytes, image.mediaType);
  }

  /** @param created What cosign writes beside a bundle; some write nothing. */
  async attest(digest: string, type: string, predicate: object, created?: string): Promise<void> {
    const bundle = await (await sigstoreInstance()).bundle(hand, statementOf(digest, type, predicate), { log: "none" });
    this.repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
      subject: digest,
      artifactType: BUNDLE,
      ...(created === undefined
        ? {}
        : {
            annotations: { "dev.sigstore.bundle.predicateType": type, "org.opencontainers.image.created": created },
          }),
    });
  }

  /** Junk that looks more like what is asked for than the real one does. */
  bury(digest: string, type: string, count: number): void {
    for (let at = 0; at < count; at++)
      this.repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify({ digest, at })) }], {
        subject: digest,
        artifactType: BUNDLE,
        annotations: { "dev.sigstore.bundle.predicateType": type, "org.opencontainers.image.created": "2099-01-01" },
      });
  }

  /** The registry gives so many manifests from now on, then nothing more in time. */
  giveOnly(manifests: number): void {
    const most = this.repository.calls.manifest + manifests;
    this.repository.wait = (call) =>
      call === "manifest" && this.repository.calls.manifest > most ? this.#deadline() : Promise.resolve();
  }

  /** The registry answers 503 for the artifact that was pushed last. */
  loseLast(): void {
    const lost = [...this.repository.manifests.values()].at(-1)?.layers[0]?.digest;
    const down = { status: "unavailable", cause: "serverError", message: "answers 503" } as const;
    this.repository.fail = (_, what) => (what === lost ? down : undefined);
  }

  /** Looks for what the policy's own rules ask. */
  async rules(spec: PolicySpec, { digest }: Image): Promise<ProvidedFacts> {
    return this.#evidence.provider.gather(contextOf([compile(spec)], { repository: this.repository, digest }));
  }

  /** But the image's config, which comes first. */
  giveNoBlob(): void {
    this.repository.wait = (call) =>
      call === "blob" && this.repository.calls.blob > 1 ? this.#deadline() : Promise.resolve();
  }

  giveNothing(): void {
    this.repository.wait = (call) => (call === "blob" || call === "manifest" ? this.#deadline() : Promise.resolve());
  }

  async #deadline(): Promise<void> {
    if (!this.#signal.aborted)
      await new Promise((resolve) => this.#signal.addEventListener("abort", resolve, { once: true }));
  }

  /** Whether each answer says that it is buried. */
  async prove(digest: string, age: AnswerAge, milliseconds: number): Promise<readonly boolean[]> {
    return (await this.#ask(digest, age, milliseconds)).map(({ buried }) => buried === true);
  }

  async answers(digest: string, age: AnswerAge, milliseconds: number): Promise<readonly string[]> {
    return (await this.#ask(digest, age, milliseconds)).map(({ status }) => status);
  }

  /** The next question is another request's. */
  forgetAsking(): void {
    this.#asking = undefined;
  }

  /** The deadline is that of the first question. */
  async #ask(digest: string, age: AnswerAge, milliseconds: number): Promise<readonly AttestationOutcome[]> {
    const policy = compile(attested);
    const { repository } = this;
    if (this.#asking === undefined) {
      this.#signal = AbortSignal.timeout(milliseconds);
      this.#asking = contextOf([policy], { repository, digest, signal: this.#signal });
    }
    const wants = [...policy.authorities.values()].map((authority) => ({ predicateType: VULN, authority }));
    const answers = await this.#evidence.proveAttestations(this.#asking, digest, wants, age);
    return [...answers.values()];
  }

  async verdict(spec: PolicySpec, digest: string, milliseconds = 60_000): Promise<string> {
    const policy = compile(spec);
    assert.deepEqual(policy.faults, []);
    const { repository } = this;
    const signal = AbortSignal.timeout(milliseconds);
    this.#signal = signal;
    const context = { ...contextOf([policy], { repository, digest, signal, now: this.clock.now }) };
    const gather: Gather = async () => {
      const image = repository.manifests.get(digest);
      assert.ok(image !== undefined);
      const manifest = () => ({ status: "verified", value: image }) as const;
      const facts = await this.#provider.gather({ ...context, manifest });
      const empty = { signatures: new Map(), attestations: new Map(), scans: new Map() };
      return { ...empty, ...facts, digest: { status: "verified", value: digest } };
    };
    const review = createReview(gather, (error) => assert.fail(String(error)));
    const { verdict, findings } = await review({ ...context.request, policies: [policy] });
    return [verdict, ...findings.map(({ reason }) => reason)].join(" ");
  }
}

/** An image whose own annotation says whatever the pusher likes. */
const annotated = (name: string, found: readonly Found[], labels: Record<string, string> = {}): Image => {
  const options = { layers: [{ name }], labels };
  const { diffIds } = makeImage(options);
  return makeImage({
    ...options,
    annotations: { "trivy.scan.result": JSON.stringify(trivyReport(found, { diffIds })) },
  });
};

const IN_TIME = 300;

describe("evidence of scans and bases that is buried under junk", function () {
  this.timeout(60_000);

  const gateWith = async (image: Image, type: string, predicate: object): Promise<Gate> => {
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, type, predicate);
    gate.bury(image.digest, type, 1_500);
    return gate;
  };

  it("an attested scan: found while there is time, else invalid, and no other source decides", async () => {
    const image = annotated("scan", []);
    const scanned = (found: readonly Found[]): object => cosignVuln(trivyReport(found, { diffIds: image.diffIds }));
    const clean = await gateWith(image, VULN, scanned([]));
    assert.equal(await clean.verdict(attested, image.digest), "allow");
    const bad = await gateWith(image, VULN, scanned([BAD]));
    bad.giveOnly(1_200);
    assert.equal(await bad.verdict(attested, image.digest, IN_TIME), "deny ScanInvalid");
    bad.repository.wait = () => Promise.resolve();
    assert.equal(await bad.verdict(attested, image.digest), "deny ScanVulnerable");
  });

  it("a hundred pieces that a slow registry does not give in time are not a matter of time", async () => {
    const image = annotated("hundred", []);
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, VULN, cosignVuln(trivyReport([BAD], { diffIds: image.diffIds })));
    gate.bury(image.digest, VULN, 100);
    gate.giveOnly(50);
    assert.equal(await gate.verdict(attested, image.digest, IN_TIME), "deny ScanInvalid");
    // One that is not seen to answer is.
    const hung = new Gate();
    hung.push(image);
    hung.bury(image.digest, VULN, 100);
    hung.giveOnly(0);
    assert.equal(await hung.verdict(attested, image.digest, IN_TIME), "allow EvidenceUnavailable");
  });

  it("a slow registry without junk is a matter of time", async () => {
    const image = annotated("slow", []);
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, VULN, cosignVuln(trivyReport([BAD], { diffIds: image.diffIds })));
    gate.giveOnly(0);
    assert.equal(await gate.verdict(attested, image.digest, IN_TIME), "allow EvidenceUnavailable");
  });

  it("junk does not keep an old proof alive", async () => {
    const image = annotated("kept", []);
    const scanned = (found: readonly Found[]): object => cosignVuln(trivyReport(found, { diffIds: image.diffIds }));
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, VULN, scanned([]));
    const metadata = { scanFinishedOn: "2026-11-20T10:00:00Z" };
    await gate.attest(image.digest, IN_TOTO, { scanner: { result: [] }, metadata });
    assert.equal(await gate.verdict(attested, image.digest), "allow");
    gate.clock.now += 3_600_000;
    gate.giveOnly(0);
    assert.equal(await gate.verdict(attested, image.digest, IN_TIME), "allow");
    gate.repository.wait = () => Promise.resolve();
    await gate.attest(image.digest, VULN, scanned([BAD]));
    gate.bury(image.digest, VULN, 1_500);
    gate.giveOnly(1_200);
    assert.equal(await gate.verdict(attested, image.digest, IN_TIME), "deny ScanInvalid");
  });

  it("what a list named keeps an old proof from standing in also when it is asked again after the time", async () => {
    const image = annotated("again", []);
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, VULN, cosignVuln(trivyReport([], { diffIds: image.diffIds })));
    assert.deepEqual(await gate.answers(image.digest, "kept", 60_000), ["verified"]);
    await gate.attest(image.digest, VULN, cosignVuln(trivyReport([BAD], { diffIds: image.diffIds })));
    gate.forgetAsking();
    gate.clock.now += 3_600_000;
    gate.giveNothing();
    assert.deepEqual(await gate.answers(image.digest, "kept", IN_TIME), ["unavailable"]);
    await setImmediate();
    // Its time is over, and its search is gone: nothing is asked any more.
    assert.deepEqual(await gate.answers(image.digest, "fresh", IN_TIME), ["unavailable"]);
  });

  it("junk beside each child of an index is junk beside the index", async () => {
    const children = Array.from({ length: 12 }, (_, at) =>
      makeImage({ layers: [{ name: String(at) }], platform: { os: "linux", architecture: `a${at}` } }),
    );
    const index = makeIndex(children);
    const gate = new Gate();
    gate.push(index);
    for (const { digest } of children) gate.bury(digest, VULN, 100);
    gate.giveOnly(12 + 1_100);
    assert.equal(await gate.verdict(attested, index.digest, IN_TIME), "deny ScanInvalid");
  });

  it("a few pieces that are large and still on their way are junk as well", async () => {
    const image = annotated("large", []);
    const gate = new Gate();
    gate.push(image);
    for (let at = 0; at < 8; at++) {
      const size = 9 * 1024 * 1024;
      const layer = { mediaType: BUNDLE, digest: `sha256:${String(at).repeat(64)}`, size };
      const subject = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: image.digest, size: 1 };
      const manifest = { schemaVersion: 2, artifactType: BUNDLE, layers: [layer], subject };
      gate.repository.putManifest(Buffer.from(JSON.stringify(manifest)));
    }
    gate.giveNoBlob();
    assert.equal(await gate.verdict(attested, image.digest, IN_TIME), "deny ScanInvalid");
  });

  it("what is asked of an image after that comes too late for the same reason", async () => {
    const image = makeImage({ layers: [{ name: "late" }] });
    const gate = new Gate();
    gate.push(image);
    gate.bury(image.digest, VULN, 1_500);
    gate.giveOnly(1_200);
    for (const age of ["kept", "fresh"] as const) {
      assert.deepEqual(await gate.prove(image.digest, age, IN_TIME), [true]);
      // The search has ended meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  it("OpenVEX takes nothing off then", async () => {
    const image = annotated("vex", [BAD]);
    const statement = { vulnerability: { name: BAD.id }, status: "fixed", timestamp: "2026-11-10T00:00:00Z" };
    const gate = await gateWith(image, OPENVEX, { statements: [statement] });
    const spec: PolicySpec = {
      authorities,
      onUnavailable: "allow",
      scan: { maxVulnerabilities: { critical: 0 }, vex: { authorities: ["ci"] } },
    };
    assert.equal(await gate.verdict(spec, image.digest), "allow");
    gate.clock.now += 3_600_000;
    gate.giveOnly(1_200);
    assert.equal(await gate.verdict(spec, image.digest, IN_TIME), "deny ScanVulnerable");
  });

  it("provenance: the base is unknown, whether it is required or not", async () => {
    const image = makeImage({ layers: [{ name: "base" }] });
    const base = { uri: "pkg:docker/company/base@1", digest: { sha256: "a".repeat(64) } };
    const gate = await gateWith(image, PROVENANCE, { buildDefinition: { resolvedDependencies: [base] } });
    for (const required of [false, true]) {
      const spec: PolicySpec = {
        authorities,
        onUnavailable: "allow",
        baseImages: { allow: ["docker.io/company/**"], required, authorities: ["ci"] },
      };
      gate.repository.wait = () => Promise.resolve();
      assert.equal(await gate.verdict(spec, image.digest), "allow");
      gate.clock.now += 3_600_000;
      gate.giveOnly(1_200);
      assert.equal(await gate.verdict(spec, image.digest, IN_TIME), "deny BaseImageUnknown");
    }
  });
});

describe("evidence of scans and bases of which a part could not be read", () => {
  const image = annotated("part", []);
  const vulnerable = annotated("part", [BAD]);
  const at = (hour: string): string => `2026-11-20T${hour}:00:00Z`;
  const scanned = (found: readonly Found[], hour: string): object =>
    cosignVuln(trivyReport(found, { diffIds: image.diffIds, createdAt: at(hour) }), at(hour));
  const stated = (status: string, hour: string): object => ({
    statements: [{ vulnerability: { name: BAD.id }, status, timestamp: at(hour) }],
  });
  const gateWith = async (about: Image, type: string, ...predicates: readonly object[]): Promise<Gate> => {
    const gate = new Gate();
    gate.push(about);
    for (const predicate of predicates) await gate.attest(about.digest, type, predicate);
    gate.loseLast();
    return gate;
  };

  it("an attested scan: the newest may be there, so that no older one decides", async () => {
    const gate = await gateWith(image, VULN, scanned([], "09"), scanned([BAD], "10"));
    assert.equal(await gate.verdict({ ...attested, onUnavailable: "deny" }, image.digest), "deny EvidenceUnavailable");
    gate.repository.fail = () => undefined;
    assert.equal(await gate.verdict(attested, image.digest), "deny ScanVulnerable");
  });

  it("nor do older ones in every format", async () => {
    const gate = await gateWith(image, VULN, scanned([], "09"));
    const clean = { scanner: { uri: "pkg:generic/scanner", result: [] }, metadata: { scanFinishedOn: at("09") } };
    await gate.attest(image.digest, IN_TOTO, clean);
    await gate.attest(image.digest, VULN, scanned([BAD], "10"));
    gate.loseLast();
    assert.equal(await gate.verdict({ ...attested, onUnavailable: "deny" }, image.digest), "deny EvidenceUnavailable");
  });

  it("an attestations rule makes do with what could be read", async () => {
    const gate = await gateWith(image, VULN);
    for (const hour of ["09", "10"]) await gate.attest(image.digest, VULN, scanned([], hour), at(hour));
    gate.loseLast();
    const rule = { predicateType: VULN, authorities: ["ci"] };
    const { attestations = new Map() } = await gate.rules({ authorities, attestations: [rule] }, image);
    assert.deepEqual(
      [...attestations.values()].map(({ status }) => status),
      ["verified"],
    );
  });

  it("a newer scan counts at once where the clock was set back", async () => {
    const gate = new Gate();
    gate.push(image);
    await gate.attest(image.digest, VULN, scanned([], "09"));
    assert.equal(await gate.verdict(attested, image.digest), "allow");
    await gate.attest(image.digest, VULN, scanned([BAD], "10"));
    gate.clock.now -= 3_600_000;
    assert.equal(await gate.verdict(attested, image.digest), "deny ScanVulnerable");
  });

  it("a scan of every night: of more than are proved the newest are, on whichever page they stand", async () => {
    const gate = new Gate();
    gate.push(image);
    gate.repository.page = 40;
    for (let night = 10; night < 55; night++) {
      const date = `2026-11-20T10:00:${night}Z`;
      const found = night === 54 ? [BAD] : [];
      const report = trivyReport(found, { diffIds: image.diffIds, createdAt: date });
      await gate.attest(image.digest, VULN, cosignVuln(report, date), date);
    }
    assert.equal(await gate.verdict(attested, image.digest), "deny ScanVulnerable");
  });

  it("nor does what an attestations rule had to do with", async () => {
    const gate = await gateWith(image, VULN, scanned([], "09"), scanned([BAD], "10"));
    const two = [...authorities, byKey(publicPem(keyHand()), { name: "other" })];
    await gate.rules(
      { authorities: two, attestations: [{ predicateType: VULN, authorities: ["ci", "other"] }] },
      image,
    );
    gate.repository.fail = () => undefined;
    assert.equal(await gate.verdict(attested, image.digest), "deny ScanVulnerable");
  });

  it("OpenVEX: what takes an excuse back may be there", async () => {
    const gate = await gateWith(vulnerable, OPENVEX, stated("fixed", "09"), stated("affected", "10"));
    const scan = { maxVulnerabilities: { critical: 0 }, vex: { authorities: ["ci"] } };
    assert.equal(await gate.verdict({ authorities, scan }, vulnerable.digest), "deny ScanVulnerable");
  });
});
