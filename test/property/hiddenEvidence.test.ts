import assert from "node:assert/strict";
import fc from "fast-check";
import type { PolicySpec } from "../../crds/types.ts";
import type { Gather } from "../../evidence/provider.ts";
import { readScansHere } from "../../evidence/scan/formats/readScans.ts";
import { createScanProvider } from "../../evidence/scan/scanProvider.ts";
import { createReview } from "../../engine/review.ts";
import type { Pushable } from "../../sandbox/registry/images.ts";
import {
  annotatedImage,
  at,
  BAD,
  based,
  bundle,
  BUNDLE,
  excused,
  OCI_INDEX,
  OPENVEX,
  plainImage,
  PROVENANCE,
  scan,
  scanned,
  signed,
  VULN,
} from "../security/support/attestedImage.ts";
import { MemoryRepository } from "../unit/evidence/sigstore/memoryRepository.ts";
import { keyHand, SIGN } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { compile, contextOf, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";

const DSSE = "application/vnd.dsse.envelope.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const NOW = 1_700_000_000_000;
const image = plainImage("any set of junk");
const vulnerable = annotatedImage([BAD]);
const other = plainImage("another");

/** One kind of evidence: what may be signed of it, and the policy that asks. */
interface Kind {
  readonly spec: PolicySpec;
  readonly about: Pushable;
  readonly type: string;
  readonly predicates: readonly object[];
  /** One good one is enough, and nothing unusable beside it does harm. */
  readonly enough?: true;
}

const vex = (status: string, days: number): object => ({
  timestamp: at(days),
  statements: [
    { vulnerability: { name: BAD.id }, status, timestamp: at(days), justification: "vulnerable_code_not_present" },
  ],
});
const built = (base: string): object => ({
  buildDefinition: { resolvedDependencies: [{ uri: `pkg:docker/${base}@1`, digest: { sha256: "a".repeat(64) } }] },
});
const kinds: Readonly<Record<string, Kind>> = {
  scan: {
    spec: scanned,
    about: image,
    type: VULN,
    predicates: [-5, -4, -3, -2].map((day, nth) => scan(image, nth % 2 === 0 ? [] : [BAD], day)),
  },
  vex: {
    spec: excused,
    about: vulnerable,
    type: OPENVEX,
    predicates: [vex("not_affected", -5), vex("affected", -4), vex("not_affected", -3), vex("affected", -2)],
  },
  base: {
    spec: based,
    about: image,
    type: PROVENANCE,
    predicates: [built("company/a"), built("evil/b"), built("company/c")],
  },
  signature: { spec: signed, about: image, type: SIGN, predicates: [{}, { again: true }], enough: true },
};

/** Where a piece lies: how it is written, and what its pusher says of it. */
interface Piece {
  /** Of `texts`. */
  readonly text: number;
  readonly place: "referrer" | "envelope" | "tag";
  /** Other bytes in which the same is signed. */
  readonly padding: number;
  readonly size: "right" | 0 | 1 | "huge";
  readonly layerType: string | undefined;
  readonly hint: string | undefined;
  readonly artifactType: string | undefined;
  readonly created: string;
}

/** What the fallback tag says of a manifest. */
interface Lie {
  readonly of: number;
  readonly artifactType: string | undefined;
  readonly mediaType: string;
  readonly hint: string | undefined;
  readonly size: number;
  /** There is no such manifest. */
  readonly dangling: boolean;
}

const hints = fc.constantFrom(undefined, VULN, OPENVEX, "https://spdx.dev/Document", SIGN);
const junkPiece: fc.Arbitrary<Piece> = fc.record({
  text: fc.nat({ max: 9 }),
  place: fc.constantFrom("referrer", "envelope", "tag"),
  padding: fc.nat({ max: 2 }),
  size: fc.constantFrom<Piece["size"]>("right", 0, 1, "huge"),
  layerType: fc.constantFrom(undefined, undefined, BUNDLE, DSSE, "text/plain"),
  hint: hints,
  artifactType: fc.constantFrom(undefined, BUNDLE, "text/plain", "application/vnd.dsse.envelope.v1+json"),
  created: fc.constantFrom(at(-9), at(-1), at(100)),
});
const lie: fc.Arbitrary<Lie> = fc.record({
  of: fc.nat({ max: 5 }),
  artifactType: fc.constantFrom(undefined, "text/plain", BUNDLE),
  mediaType: fc.constantFrom(OCI_MANIFEST, "text/plain"),
  hint: hints,
  size: fc.constantFrom(0, 1, 1_000),
  dangling: fc.constant(false),
});

const envelopeOf = (text: string): string => {
  try {
    return JSON.stringify((JSON.parse(text) as { dsseEnvelope?: object }).dsseEnvelope ?? {});
  } catch {
    return text;
  }
};

/** A repository with these pieces, pushed in this order. */
class Shelf {
  readonly repository: MemoryRepository = new MemoryRepository();
  readonly #about: Pushable;
  readonly #tagged: object[] = [];
  readonly #pushed: string[] = [];

  constructor(about: Pushable, page: number) {
    this.#about = about;
    this.repository.page = page;
    for (const { bytes } of about.blobs) this.repository.putBlob(bytes);
    this.repository.putManifest(about.bytes, about.mediaType);
  }

  put(text: string, piece: Piece): void {
    const { place, padding, layerType, hint, artifactType, created } = piece;
    const bytes = Buffer.from((place === "referrer" ? text : envelopeOf(text)) + " ".repeat(padding));
    const size = piece.size === "right" ? bytes.length : piece.size === "huge" ? Number.MAX_SAFE_INTEGER : piece.size;
    const mediaType = layerType ?? (place === "referrer" ? BUNDLE : DSSE);
    const layer = { mediaType, digest: this.repository.putBlob(bytes), size };
    if (place === "tag") {
      this.#tagged.push({ ...layer, annotations: hint === undefined ? {} : { predicateType: hint } });
      return;
    }
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: artifactType ?? (place === "referrer" ? BUNDLE : DSSE),
      layers: [layer],
      subject: { mediaType: OCI_MANIFEST, digest: this.#about.digest, size: 1 },
      annotations: {
        "org.opencontainers.image.created": created,
        ...(hint === undefined ? {} : { "dev.sigstore.bundle.predicateType": hint }),
      },
    };
    this.#pushed.push(this.repository.putManifest(Buffer.from(JSON.stringify(manifest))));
  }

  finish(lies: readonly Lie[]): void {
    const name = this.#about.digest.replace(":", "-");
    if (this.#tagged.length > 0) {
      const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, layers: this.#tagged };
      this.repository.tags.set(`${name}.att`, this.repository.putManifest(Buffer.from(JSON.stringify(manifest))));
    }
    if (lies.length === 0) return;
    const manifests = lies.map(({ of, artifactType, mediaType, hint, size, dangling }) => ({
      mediaType,
      size,
      digest: dangling
        ? `sha256:${String(of).repeat(64)}`
        : (this.#pushed[of % this.#pushed.length] ?? this.#about.digest),
      ...(artifactType === undefined ? {} : { artifactType }),
      annotations: hint === undefined ? {} : { "dev.sigstore.bundle.predicateType": hint },
    }));
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    this.repository.tags.set(name, this.repository.putManifest(Buffer.from(JSON.stringify(index)), OCI_INDEX));
  }

  async verdict({ spec, about }: Kind): Promise<string> {
    const evidence = evidenceUnderTest({ now: NOW });
    const provider = createScanProvider({
      prove: evidence.proveAttestations,
      reports: () => [],
      runs: () => false,
      read: readScansHere,
    });
    const policy = compile(spec);
    const { repository } = this;
    const context = contextOf([policy], { repository, digest: about.digest, now: NOW });
    const gather: Gather = async () => {
      const value = repository.manifests.get(about.digest)!;
      const asked = { ...context, manifest: () => ({ status: "verified", value }) as const };
      const [ofSignatures, ofScans] = await Promise.all([evidence.provider.gather(asked), provider.gather(asked)]);
      const empty = { signatures: new Map(), attestations: new Map(), scans: new Map() };
      return { ...empty, ...ofSignatures, ...ofScans, digest: { status: "verified", value: about.digest } };
    };
    const review = createReview(gather, (error) => assert.fail(String(error)));
    const { verdict, findings } = await review({ ...context.request, policies: [policy] });
    return [verdict, ...findings.map(({ reason }) => reason)].join(" ");
  }
}

const honest = (place: Piece["place"], kind: Kind): Omit<Piece, "text"> => ({
  place: kind.enough === true ? "referrer" : place,
  padding: 0,
  size: "right",
  layerType: undefined,
  hint: kind.type,
  artifactType: undefined,
  created: at(-1),
});

describe("any set of junk and replays beside any set of evidence", function () {
  this.timeout(120_000);

  for (const [name, kind] of Object.entries(kinds)) {
    /** What lies about: everything that was ever signed, what strangers sign, and noise. */
    const texts = async (): Promise<{ readonly genuine: readonly string[]; readonly junk: readonly string[] }> => ({
      genuine: await Promise.all(kind.predicates.map((predicate) => bundle(kind.about, kind.type, predicate))),
      junk: [
        ...(await Promise.all(kind.predicates.map((predicate) => bundle(kind.about, kind.type, predicate, keyHand())))),
        await bundle(other, kind.type, kind.predicates[0]!),
        "{}",
        "no JSON",
      ],
    });

    it(`${name}: the verdict is that of the evidence alone, in whatever order and place`, async () => {
      const { genuine, junk } = await texts();
      const subset = fc.subarray([...genuine.keys()]);
      const place = fc.constantFrom<Piece["place"]>("referrer", "envelope", "tag");
      await fc.assert(
        fc.asyncProperty(
          subset,
          fc.array(place, { minLength: 4, maxLength: 4 }),
          fc.array(junkPiece, { maxLength: 6 }),
          fc.array(lie, { maxLength: 4 }),
          fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
          fc.constantFrom(1, 2, 100),
          async (there, places, pieces, lies, order, page) => {
            const real = there.map((nth, index) => ({
              text: genuine[nth]!,
              piece: { ...honest(places[index] ?? "referrer", kind), text: 0 },
            }));
            const alone = new Shelf(kind.about, page);
            for (const { text, piece } of real) alone.put(text, piece);
            alone.finish([]);
            // Whoever has no key can push again what is there, and what is no evidence.
            const known = [...real.map(({ text }) => text), ...junk];
            const all = [...real, ...pieces.map((piece) => ({ piece, text: known[piece.text % known.length]! }))];
            const mixed = new Shelf(kind.about, page);
            const shuffled = all.map((one, nth) => ({ one, key: order[nth % order.length]! + nth / 100 }));
            for (const { one } of shuffled.toSorted((a, b) => a.key - b.key)) mixed.put(one.text, one.piece);
            mixed.finish(lies);
            assert.equal(outcome(await mixed.verdict(kind)), outcome(await alone.verdict(kind)));
          },
        ),
        { numRuns: 150 },
      );
    });

    it(`${name}: nor does what cannot be used let anything in`, async () => {
      const { genuine } = await texts();
      await fc.assert(
        fc.asyncProperty(
          fc.subarray([...genuine.keys()]),
          fc.nat({ max: 3 }),
          fc.constantFrom("blob", "manifest", "list"),
          fc.array(lie, { maxLength: 2 }),
          async (there, lost, way, lies) => {
            const alone = new Shelf(kind.about, 100);
            const broken = new Shelf(kind.about, 100);
            for (const nth of there)
              for (const shelf of [alone, broken])
                shelf.put(genuine[nth]!, { ...honest("referrer", kind), text: 0, hint: kind.type });
            alone.finish([]);
            const dangling = {
              of: 7,
              artifactType: BUNDLE,
              mediaType: OCI_MANIFEST,
              size: 9,
              hint: kind.type,
              dangling: true,
            };
            broken.finish(way === "list" ? [...lies, dangling] : lies);
            const { repository } = broken;
            const manifests = [...repository.manifests.values()].filter(({ artifactType }) => artifactType === BUNDLE);
            const victim = manifests[lost % Math.max(1, manifests.length)];
            if (way === "manifest" && victim !== undefined) repository.manifests.delete(victim.digest);
            if (way === "blob" && victim !== undefined) repository.blobs.delete(victim.layers[0]!.digest);
            const [before, after] = [outcome(await alone.verdict(kind)), outcome(await broken.verdict(kind))];
            assert.ok(after === before || after === "deny", `${before} became ${after}`);
            // Of what claims to be a part of the whole nothing may be missing.
            const isLost = way === "list" || victim !== undefined;
            if (isLost && kind.enough !== true) assert.equal(after, "deny");
          },
        ),
        { numRuns: 100 },
      );
    });
  }
});

const outcome = (verdict: string): string => verdict.split(" ")[0]!;
