import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { attestationKey } from "../../policy/attestationKey.ts";
import type { ScanSource } from "../../policy/compiledRules.ts";
import type { AttestationOutcome, ScanOutcome } from "../../policy/facts.ts";
import type { Outcome } from "../../policy/outcome.ts";
import type { ProveAttestations } from "../attestations.ts";
import type { FactContext, FactProvider, ProvidedFacts } from "../gather.ts";
import { imageAnnotationReport, podAnnotationReport } from "./annotationSource.ts";
import { attestedReport } from "./attestationSource.ts";
import { declaredBases } from "./declaredBases.ts";
import type { ImageParts } from "./imagePart.ts";
import { loadImageParts } from "./imageParts.ts";
import type { ReadScans } from "./readScans.ts";
import { vulnerabilityReports, type ReportsByDigest } from "./reportSource.ts";
import { planScans, wantsOfSource, type ScanPlan } from "./scanPlan.ts";

export interface ScanTools {
  readonly prove: ProveAttestations;
  readonly reports: ReportsByDigest;
  /** Whether a Running pod of the namespace runs one of these digests (an image and its platform children). */
  readonly runs: (namespace: string, digests: readonly string[]) => boolean;
  readonly read: ReadScans;
}

type Attested = ReadonlyMap<string, AttestationOutcome>;
const NOTHING_ATTESTED: Attested = new Map();

/** Bytes of annotations that taken-apart images may hold in the cache. */
const MOST_PART_BYTES = 64 * 1024 * 1024;
/** Vulnerabilities in judged reports that are kept; about 200 bytes each. */
const MOST_VULNERABILITIES = 300_000;

/** A report that was read from certain evidence: good for as long as the evidence is the very same. */
interface Kept {
  readonly basis: readonly unknown[];
  readonly outcome: ScanOutcome;
}

const sameBasis = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);

const bytesOf = ({ annotations, parts }: ImageParts): number =>
  [annotations, ...parts.map((part) => part.annotations)]
    .flatMap((one) => Object.values(one))
    .reduce((sum, text) => sum + text.length, 1024);

const vulnerabilitiesOf = ({ outcome }: Kept): number =>
  outcome.status === "verified"
    ? outcome.value.reduce(
        (sum, { reports }) => sum + reports.reduce((n, report) => n + report.vulnerabilities.length, 1),
        1,
      )
    : 1;

/** What stands in the way of looking at the image, said as a scan source's answer. */
const withoutParts = (outcome: Exclude<Outcome<ImageParts>, { status: "verified" }>): ScanOutcome => {
  switch (outcome.status) {
    case "absent":
      return { status: "absent", message: "the image is not in its registry" };
    case "invalid":
      return { status: "invalid", reason: "ScanInvalid", message: outcome.message };
    case "unavailable":
      return outcome;
  }
};

/** Scans, VEX, provenance and base images of an image, as far as policies ask for them (design.md, `scan` and `baseImages`). */
export const createScanProvider = (tools: ScanTools): FactProvider => {
  // Content of a digest never changes, and who asks has just proved access by reading its manifest.
  const parts = new LRUCache<string, ImageParts>({ maxSize: MOST_PART_BYTES, sizeCalculation: bytesOf });
  const kept = new LRUCache<string, Kept>({ maxSize: MOST_VULNERABILITIES, sizeCalculation: vulnerabilitiesOf });

  const partsOf = async (context: FactContext): Promise<Outcome<ImageParts>> => {
    const known = parts.get(context.digest);
    if (known !== undefined && (await context.manifest()).status === "verified")
      return { status: "verified", value: known };
    const outcome = await loadImageParts(context);
    if (outcome.status === "verified") parts.set(context.digest, outcome.value);
    return outcome;
  };

  /** Everything that a kept answer of a source was read from, or undefined where it is never kept. */
  const basisOf = (source: ScanSource, context: FactContext, attested: Attested): readonly unknown[] | undefined => {
    switch (source.type) {
      case "imageAnnotation":
        return [];
      case "podAnnotation":
        return [
          createHash("sha256")
            .update(context.request.subject.annotations[source.key] ?? "")
            .digest("hex"),
        ];
      case "attestation":
        return wantsOfSource(source).map(({ predicateType, authority }) =>
          attested.get(attestationKey(predicateType, authority.id)),
        );
      case "vulnerabilityReport":
        return undefined;
    }
  };

  const askReports = (
    source: ScanSource & { type: "vulnerabilityReport" },
    image: ImageParts,
    now: number,
  ): ScanOutcome =>
    vulnerabilityReports(
      image.digest,
      image.isIndex ? image.parts.map(({ digest, platform }) => ({ digest, platform: platform ?? digest })) : [],
      source.namespaces,
      tools.reports,
      now,
    );

  const ask = async (
    source: ScanSource,
    context: FactContext,
    image: ImageParts,
    attested: Attested,
  ): Promise<ScanOutcome> => {
    const { subject, now } = context.request;
    switch (source.type) {
      case "vulnerabilityReport":
        return askReports(source, image, now);
      case "imageAnnotation":
        return imageAnnotationReport(image, source.key, tools.read.text);
      case "podAnnotation": {
        const text = subject.annotations[source.key];
        if (text === undefined) return { status: "absent", message: "none" };
        return podAnnotationReport(image, await tools.read.list(text), subject.images.length > 1);
      }
      case "attestation": {
        const wants = wantsOfSource(source);
        const keys = wants.map(({ predicateType, authority }) => attestationKey(predicateType, authority.id));
        const outcomesIn = (map: Attested): AttestationOutcome[] => keys.flatMap((key) => map.get(key) ?? []);
        return attestedReport(
          image,
          async (digest) => outcomesIn(digest === image.digest ? attested : await tools.prove(context, digest, wants)),
          tools.read.statement,
        );
      }
    }
  };

  const keyOf = (source: ScanSource, { digest, repository }: FactContext): string =>
    `${digest}\n${repository.scope}\n${source.id}`;

  /** A kept answer stands while its evidence does. An index's children may gain attestations, so `absent` is asked again. */
  const keptAnswer = (source: ScanSource, context: FactContext, attested: Attested): ScanOutcome | undefined => {
    const entry = kept.get(keyOf(source, context));
    const basis = entry === undefined ? undefined : basisOf(source, context, attested);
    return entry !== undefined && basis !== undefined && sameBasis(entry.basis, basis) ? entry.outcome : undefined;
  };

  const factsOf = (
    plan: ScanPlan,
    context: FactContext,
    image: ImageParts | undefined,
    attested: Attested,
    scans: ReadonlyMap<string, ScanOutcome>,
    bases?: Outcome<ImageParts>,
  ): ProvidedFacts => {
    const declared =
      image !== undefined
        ? declaredBases(image)
        : bases !== undefined && bases.status !== "verified"
          ? bases
          : undefined;
    const digests = [context.digest, ...(image?.parts.map(({ digest }) => digest) ?? [])];
    return {
      scans,
      attestations: attested,
      ...(plan.bases && declared !== undefined ? { bases: declared } : {}),
      ...(plan.runsAlready ? { runsAlready: tools.runs(context.request.subject.namespace, digests) } : {}),
    };
  };

  /** Everything from memory, or undefined where something has to be asked. */
  const warm = (plan: ScanPlan, context: FactContext, attested: Attested): ProvidedFacts | undefined => {
    const image = parts.get(context.digest);
    const manifest = context.manifest();
    if (image === undefined || manifest instanceof Promise || manifest.status !== "verified") return undefined;
    const scans = new Map<string, ScanOutcome>();
    for (const source of plan.sources) {
      const outcome =
        source.type === "vulnerabilityReport"
          ? askReports(source, image, context.request.now)
          : keptAnswer(source, context, attested);
      if (outcome === undefined) return undefined;
      scans.set(source.id, outcome);
    }
    return factsOf(plan, context, image, attested, scans);
  };

  const cold = async (plan: ScanPlan, context: FactContext, attested: Attested): Promise<ProvidedFacts> => {
    const needsImage = plan.sources.length > 0 || plan.bases;
    const image = needsImage ? await partsOf(context) : undefined;
    const scans = new Map<string, ScanOutcome>();
    if (image !== undefined) {
      for (const source of plan.sources) {
        const outcome =
          image.status === "verified"
            ? (keptAnswer(source, context, attested) ?? (await ask(source, context, image.value, attested)))
            : withoutParts(image);
        scans.set(source.id, outcome);
        const basis = basisOf(source, context, attested);
        const lasting =
          outcome.status === "verified" || (outcome.status !== "unavailable" && source.type !== "attestation");
        if (image.status === "verified" && basis !== undefined && lasting)
          kept.set(keyOf(source, context), { basis, outcome });
      }
    }
    return factsOf(plan, context, image?.status === "verified" ? image.value : undefined, attested, scans, image);
  };

  return {
    name: "scan",
    wanted: (policies) => policies.some(({ scan, baseImages }) => scan !== undefined || baseImages !== undefined),
    gather: (context) => {
      const plan = planScans(context.request.policies);
      const attested = plan.wants.length === 0 ? NOTHING_ATTESTED : tools.prove(context, context.digest, plan.wants);
      if (attested instanceof Promise) return attested.then((proved) => cold(plan, context, proved));
      return warm(plan, context, attested) ?? cold(plan, context, attested);
    },
  };
};
