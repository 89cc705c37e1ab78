import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { attestationKey } from "../../policy/facts/attestationKey.ts";
import type { ScanSource } from "../../policy/compile/rules/scan.ts";
import {
  NO_FACTS,
  type AttestationOutcome,
  type ImageFacts,
  type PlatformChild,
  type ScanOutcome,
} from "../../policy/facts/facts.ts";
import type { Outcome } from "../../policy/facts/outcome.ts";
import { judgeBaseImages, looksAtPlatforms } from "../../policy/rules/baseImages.ts";
import { judgeScan } from "../../policy/rules/scan.ts";
import type { AnswerAge, ProveAttestations } from "../attestations.ts";
import { SingleFlight } from "../../async/singleFlight.ts";
import type { FactContext, FactProvider, ProvidedFacts } from "../provider.ts";
import { platformChildren } from "../gather/manifestFacts.ts";
import { joinPlatforms } from "../gather/mergeFacts.ts";
import { all, chain, type Maybe } from "../../async/maybe.ts";
import { withoutStragglers } from "../../async/stragglers.ts";
import { late, malformed } from "../registry/failure.ts";
import type { ContentReason, Manifest } from "../registry/repository.ts";
import { imageAnnotationReport, podAnnotationReport } from "./sources/annotationSource.ts";
import { attestedReport } from "./sources/attestationSource.ts";
import { declaredBases } from "./sources/declaredBases.ts";
import { unreadIn, type ImageParts } from "./sources/imagePart.ts";
import { isIndex, loadImageParts, MOST_PLATFORMS, STRAGGLER_MS, textOfParts } from "./sources/imageParts.ts";
import { createKeptScans } from "./keptScans.ts";
import type { ReadScans } from "./formats/readScans.ts";
import { vulnerabilityReports, type ReportsByDigest } from "./sources/reportSource.ts";
import { createPlanner, wantsOfSource, type ScanPlan } from "./scanPlan.ts";
import { createIdentities } from "../../async/identities.ts";

export interface ScanTools {
  readonly prove: ProveAttestations;
  readonly reports: ReportsByDigest;
  /**
   * Whether a Running pod of the namespace runs one of these manifests (an image and its platform children) of a repository, as its kubelet
   * reports; `configs` are asked for where a runtime reports nothing else.
   */
  readonly runs: (
    namespace: string,
    name: string,
    digests: readonly string[],
    configs: () => Maybe<readonly string[]>,
  ) => Maybe<boolean>;
  readonly read: ReadScans;
}

type Attested = ReadonlyMap<string, AttestationOutcome>;
type ManifestOutcome = Outcome<Manifest, ContentReason>;
type Platforms = ImageFacts["platforms"];
type PartsOutcome = Outcome<ImageParts, ContentReason>;
type Of<T extends ScanSource["type"]> = Extract<ScanSource, { readonly type: T }>;

const NOTHING_ATTESTED: Attested = new Map();
/** Bytes of annotations and labels that taken-apart images may hold in the cache. */
const MOST_PART_BYTES = 64 * 1024 * 1024;

/** What is gathered of one image, each started once. */
interface Image {
  readonly context: FactContext;
  readonly age: AnswerAge;
  readonly attested: Maybe<Attested>;
  readonly manifest: () => Maybe<ManifestOutcome>;
  readonly parts: () => Maybe<PartsOutcome>;
}

/** Scans, VEX, provenance and base images of an image, as far as policies ask for them (design.md, `scan` and `baseImages`). */
export const createScanProvider = (tools: ScanTools): FactProvider => {
  // Content of a digest never changes, and who asks has just proved access by reading its manifest.
  const parts = new LRUCache<string, ImageParts>({
    maxSize: MOST_PART_BYTES,
    sizeCalculation: (image) => 2 * textOfParts(image) + 1024,
  });
  const partFlights = new SingleFlight<PartsOutcome>();
  const kept = createKeptScans();
  const plan = createPlanner();
  const identityOf = createIdentities();

  const partsOf = ({ repository, request: { signal } }: FactContext, manifest: Manifest): Maybe<PartsOutcome> => {
    const known = parts.get(manifest.digest);
    if (known !== undefined) return { status: "verified", value: known };
    return partFlights.run(
      `${repository.name}\n${repository.scope}\n${manifest.digest}`,
      signal,
      async (flight) => {
        const outcome = await loadImageParts(manifest, { repository, signal: flight.signal });
        if (outcome.status === "verified" && unreadIn(outcome.value) === undefined)
          parts.set(manifest.digest, outcome.value);
        return outcome;
      },
      () => late("the image's config was not read in time"),
    );
  };

  /** The image taken apart, once however often it is looked at. */
  const apartOf = (context: FactContext): Pick<Image, "context" | "manifest" | "parts"> => {
    let asked: Maybe<ManifestOutcome> | undefined;
    let taken: Maybe<PartsOutcome> | undefined;
    const manifest = (): Maybe<ManifestOutcome> => (asked ??= context.manifest());
    const apart = (): Maybe<PartsOutcome> =>
      (taken ??= chain(manifest(), (outcome) =>
        outcome.status === "verified" ? partsOf(context, outcome.value) : outcome,
      ));
    return { context, manifest, parts: apart };
  };

  /** What was attested of each platform; one of which it cannot be told in time does not hide the others'. */
  const ofPlatforms = (
    { context, age }: Pick<Image, "context" | "age">,
    platforms: readonly { readonly digest: string }[],
    wantsOf: (digest: string) => ScanPlan["wants"],
  ): Maybe<readonly Attested[]> =>
    withoutStragglers(
      platforms,
      ({ digest }): Maybe<Attested> => {
        const wants = wantsOf(digest);
        return wants.length === 0 ? NOTHING_ATTESTED : tools.prove(context, digest, wants, age);
      },
      {
        least: STRAGGLER_MS,
        late: ({ digest }) => {
          const outcome = late("its attestations were not found while those of the image's other platforms were");
          const keys = wantsOf(digest).map(({ predicateType, authority }) =>
            attestationKey(predicateType, authority.id),
          );
          return new Map(keys.map((key) => [key, outcome]));
        },
      },
    );

  /** Digest-matched: the image itself is looked at only to know its children. */
  const fromReports = (source: Of<"vulnerabilityReport">, { context, manifest }: Image): Maybe<ScanOutcome> =>
    chain(manifest(), (outcome) => {
      // The cluster tells of a new one at any time.
      context.standing.end();
      const found = vulnerabilityReports(
        context.digest,
        childrenOf(outcome),
        source.namespaces,
        tools.reports,
        context.request.now,
      );
      // Without the manifest nobody knows whose reports would do.
      return found.status === "absent" && outcome.status !== "verified" ? withoutImage(outcome) : found;
    });

  const fromImage = ({ id, key }: Of<"imageAnnotation">, { context }: Image, image: ImageParts): Maybe<ScanOutcome> =>
    kept.answer(`${id}\n${image.digest}`, context.request.signal, (signal) =>
      imageAnnotationReport(image, key, (text) => tools.read.text(text, signal)),
    );

  const fromPod = ({ id, key }: Of<"podAnnotation">, { context }: Image, image: ImageParts): Maybe<ScanOutcome> => {
    const { annotations, images } = context.request.subject;
    context.standing.end();
    const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
    if (text === undefined) return { status: "absent", message: "none" };
    const others = images.length > 1;
    return kept.answer(
      `${id}\n${image.digest}\n${others}\n${hash("sha256", text, "hex")}`,
      context.request.signal,
      (signal) => chain(tools.read.list(text, signal), (reads) => podAnnotationReport(image, reads, others)),
    );
  };

  const fromAttestations = (source: Of<"attestation">, asked: Image, image: ImageParts): Maybe<ScanOutcome> => {
    const { context } = asked;
    const wants = wantsOfSource(source);
    const outcomesIn = (map: Attested): readonly AttestationOutcome[] =>
      wants.flatMap(({ predicateType, authority }) => map.get(attestationKey(predicateType, authority.id)) ?? []);
    return chain(asked.attested, (map) => {
      const whole = outcomesIn(map);
      // What is said of the index covers its children; else theirs are evidence, too, and may be gained and lost.
      const saysEnough = whole.some(
        ({ status, buried }) => status === "verified" || status === "unavailable" || buried === true,
      );
      const children = image.isIndex && !saysEnough ? image.parts : [];
      return chain(
        ofPlatforms(asked, children, () => wants),
        (maps) => {
          const ofChildren = maps.map(outcomesIn);
          const evidence = new Map(children.map(({ digest }, position) => [digest, ofChildren[position] ?? []]));
          const identities = [whole, ...ofChildren].map((outcomes) => outcomes.map(identityOf).join(","));
          return kept.answer(
            `${source.id}\n${image.digest}\n${identities.join(";")}`,
            context.request.signal,
            (signal) =>
              attestedReport(
                image,
                (digest) => (digest === image.digest ? whole : (evidence.get(digest) ?? [])),
                (statement) => tools.read.statement(statement, signal),
              ),
          );
        },
      );
    });
  };

  const ask = (source: ScanSource, image: Image): Maybe<ScanOutcome> => {
    if (source.type === "vulnerabilityReport") return fromReports(source, image);
    return chain(image.parts(), (outcome) => {
      if (outcome.status !== "verified") return withoutImage(outcome);
      switch (source.type) {
        case "imageAnnotation":
          return fromImage(source, image, outcome.value);
        case "podAnnotation":
          return fromPod(source, image, outcome.value);
        case "attestation":
          return fromAttestations(source, image, outcome.value);
      }
    });
  };

  const runsAlready = ({ context: { request, reference, digest }, manifest, parts: apart }: Image): Maybe<boolean> =>
    chain(manifest(), (outcome) => {
      const configs = (): Maybe<readonly string[]> =>
        chain(apart(), (image) =>
          image.status === "verified"
            ? image.value.parts.flatMap((part) => ("unread" in part ? [] : [part.config.digest]))
            : [],
        );
      const digests = [digest, ...childrenOf(outcome).map((child) => child.digest)];
      return tools.runs(request.subject.namespace, reference.name, digests, configs);
    });

  /** What was attested about each platform of an index, of what is wanted of it. */
  const platformsOf = (
    { context, age, manifest }: Image,
    wantsOf: (digest: string) => ScanPlan["wants"],
  ): Maybe<Platforms> =>
    chain(manifest(), (outcome): Maybe<Platforms> => {
      if (outcome.status !== "verified") return outcome;
      const children = childrenOf(outcome);
      if (children.length === 0) return undefined;
      if (children.length > MOST_PLATFORMS) return malformed(`the index names more than ${MOST_PLATFORMS} platforms`);
      return chain(ofPlatforms({ context, age }, children, wantsOf), (found) => ({
        status: "verified",
        value: children.map((child, position) => ({ ...child, attested: found[position] ?? NOTHING_ATTESTED })),
      }));
    });

  /** Provenance of the platforms, where that of the index does not name the base. */
  const provenanceOfPlatforms = (image: Image, { provenance }: ScanPlan): Maybe<Platforms> => {
    const { policies } = image.context.request;
    return chain(image.attested, (allAttested) => {
      const facts = { ...NO_FACTS, allAttested };
      const looks = policies.some(({ baseImages }) => baseImages !== undefined && looksAtPlatforms(baseImages, facts));
      return looks ? platformsOf(image, () => provenance) : undefined;
    });
  };

  /** OpenVEX of the platforms that a report is about alone. */
  const vexOfPlatforms = (image: Image, { vex }: ScanPlan, scans: readonly ScanOutcome[]): Maybe<Platforms> => {
    const covered = new Set(vex.length === 0 ? [] : scans.flatMap(coveredPlatforms));
    return covered.size === 0 ? undefined : platformsOf(image, (digest) => (covered.has(digest) ? vex : []));
  };

  const look = (of: ReturnType<typeof apartOf>, wanted: ScanPlan, age: AnswerAge): Maybe<ProvidedFacts> => {
    const { context } = of;
    const attested =
      wanted.wants.length === 0 ? NOTHING_ATTESTED : tools.prove(context, context.digest, wanted.wants, age);
    const image: Image = { ...of, age, attested };
    // All at once; a defect in one of them is heard of where it is waited for.
    const questions = {
      scans: heard(all(wanted.sources.map((source) => ask(source, image)))),
      provenance: heard(provenanceOfPlatforms(image, wanted)),
      bases: heard(wanted.bases ? chain(image.parts(), basesOf) : undefined),
      runs: heard(wanted.runsAlready ? runsAlready(image) : undefined),
    };
    return chain(image.attested, (allAttested) =>
      chain(questions.scans, (scans) =>
        chain(vexOfPlatforms(image, wanted, scans), (vex) =>
          chain(questions.provenance, (provenance) =>
            chain(questions.bases, (bases) =>
              chain(questions.runs, (runs): ProvidedFacts => {
                const platforms = joinPlatforms(provenance, vex);
                return {
                  allAttested,
                  scans: new Map(wanted.sources.map(({ id }, position) => [id, scans[position] ?? NOT_ASKED])),
                  ...(platforms === undefined ? {} : { platforms }),
                  ...(bases === undefined ? {} : { bases }),
                  ...(runs === undefined ? {} : { runsAlready: runs }),
                };
              }),
            ),
          ),
        ),
      ),
    );
  };

  return {
    name: "scan",
    // Whether a digest runs already only softens what is found: of a clean image it says nothing.
    tellsStanding: true,
    wanted: (policies) => policies.some(({ scan, baseImages }) => scan !== undefined || baseImages !== undefined),
    gather: (context) => {
      const wanted = plan(context.request.policies);
      const image = apartOf(context);
      const kept = look(image, wanted, "kept");
      if (wanted.wants.length === 0) return kept;
      return chain(kept, (facts) => (holds(facts, context) ? facts : look(image, wanted, "fresh")));
    },
  };
};

/** Whether the policies' rules hold with these facts, so that nothing newer needs to be looked for. */
const holds = (facts: ProvidedFacts, { request, reference, digest }: FactContext): boolean => {
  const { mode, now, policies, subject } = request;
  const judged: ImageFacts = {
    ...NO_FACTS,
    ...facts,
    digest: { status: "verified", value: digest },
  };
  const context = { mode, template: subject.template, reference, now, createdAt: now };
  return policies.every(
    ({ scan, baseImages }) =>
      (scan === undefined || judgeScan(scan, judged, context).length === 0) &&
      (baseImages === undefined || judgeBaseImages(baseImages, judged).length === 0),
  );
};

/** Also where something else of the image could not be told: what is known of them is judged. */
const coveredPlatforms = (outcome: ScanOutcome): readonly string[] => {
  const known = outcome.status === "unavailable" ? outcome.rest : outcome;
  return known?.status === "verified" ? known.value.flatMap(({ digest }) => digest ?? []) : [];
};

const heard = <T>(value: Maybe<T>): Maybe<T> => {
  if (value instanceof Promise) value.catch(() => undefined);
  return value;
};

const NOT_ASKED: ScanOutcome = { status: "unavailable", cause: "timeout", message: "the scan was not looked for" };

const basesOf = (outcome: PartsOutcome): NonNullable<ProvidedFacts["bases"]> =>
  outcome.status === "verified" ? declaredBases(outcome.value) : outcome;

const childrenOf = (outcome: ManifestOutcome): readonly PlatformChild[] =>
  outcome.status === "verified" && isIndex(outcome.value) ? platformChildren(outcome.value) : [];

/** What stands in the way of looking at the image, said as a scan source's answer. */
const withoutImage = (outcome: Exclude<PartsOutcome, { status: "verified" }>): ScanOutcome =>
  outcome.status === "absent" ? { status: "absent", message: "the image is not in its registry" } : outcome;
