import { Gate } from "../../async/gate.ts";
import { createReview } from "../../engine/review.ts";
import { readImageId } from "../../evidence/gather/reportedImage.ts";
import type { Gather } from "../../evidence/provider.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { ImageUse } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import type { Workload } from "../audit/workloads.ts";
import type { Query } from "./query.ts";

/** A container that names or runs what was looked for. */
export interface Place {
  readonly namespace: string;
  readonly owner: string;
  readonly kind: string;
  readonly name: string;
  readonly container: string;
  readonly image: string;
  /** What runs or is written; empty where neither is known. */
  readonly digest: string;
  readonly state: "running" | "not running" | "finished" | "template";
}

export interface FindOptions {
  /** For vulnerabilities and signers: policies with scans and authorities say where to look. */
  readonly policies: readonly CompiledPolicy[];
  readonly gather: Gather;
  readonly namespaceLabels: (name: string) => Readonly<Record<string, string>> | undefined;
  /** Digests that the cluster's VulnerabilityReports name for the vulnerability that is looked for. */
  readonly reported: ReadonlySet<string>;
  readonly now: () => number;
}

/** Milliseconds for the evidence of one object. */
const PATIENCE = 60_000;
const AT_ONCE = 32;

/** Every container and image volume, of pods and templates, that the query is about. */
export const find = async (
  workloads: readonly Workload[],
  query: Query,
  options: FindOptions,
): Promise<readonly Place[]> => {
  const found: Place[][] = [];
  const failures: unknown[] = [];
  const gate = new Gate(AT_ONCE);
  for (const [index, workload] of workloads.entries())
    await gate.run(async () => {
      try {
        found[index] = [...(await findIn(workload, query, options))];
      } catch (error) {
        failures.push(error);
      }
    });
  await gate.empty();
  const [failure] = failures;
  if (failure !== undefined) throw new Error("an object could not be looked at", { cause: failure });
  return found.flat();
};

const findIn = async (workload: Workload, query: Query, options: FindOptions): Promise<readonly Place[]> => {
  const { manifest, owner } = workload;
  const { kind, name, namespace, object } = manifest;
  const subject = subjectOf(object, { kind, namespace, namespaceLabels: options.namespaceLabels(namespace) });
  const facts = new Map<ImageUse, ImageFacts>();
  if (query.type !== "digest" && query.type !== "image") {
    const gather: Gather = async (request) => {
      const known = await options.gather(request);
      for (const use of subject.images)
        if (use.image === request.image.image && use.imageID === request.image.imageID) facts.set(use, known);
      return known;
    };
    const request = { policies: options.policies, subject, mode: "audit", dryRun: true } as const;
    await createReview(gather)({ ...request, signal: AbortSignal.timeout(PATIENCE), now: options.now() });
  }
  return subject.images
    .filter((use) => isAbout(use, facts.get(use), query, options))
    .map((use) => ({
      namespace,
      owner,
      kind,
      name,
      container: use.container,
      image: use.image,
      digest: digestsOf(use)[0] ?? "",
      state: stateOf(workload),
    }));
};

const isAbout = (use: ImageUse, facts: ImageFacts | undefined, query: Query, { reported }: FindOptions): boolean => {
  const digests = digestsOf(use);
  switch (query.type) {
    case "digest":
      return digests.includes(query.digest);
    case "image":
      return use.parsed.status === "ok" && query.matches(use.parsed.reference);
    case "vulnerability":
      return (
        digests.some((digest) => reported.has(digest)) || (facts !== undefined && hasVulnerability(facts, query.id))
      );
    case "signer":
      return signersOf(facts).some(({ signer }) => signer.split("\n").includes(query.identity));
    case "fingerprint":
      return signersOf(facts).some(({ fingerprint }) => fingerprint === query.fingerprint);
  }
};

/** What runs first, then what is written. */
const digestsOf = ({ imageID = "", parsed }: ImageUse): readonly string[] => {
  const running = imageID === "" ? undefined : readImageId(imageID)?.digest;
  const written = parsed.status === "ok" ? parsed.reference.digest : undefined;
  return [running, written].filter((digest) => digest !== undefined);
};

const hasVulnerability = ({ scans }: ImageFacts, id: string): boolean =>
  [...scans.values()].some(
    (outcome) =>
      outcome.status === "verified" &&
      outcome.value.some(({ reports }) =>
        reports.some(({ vulnerabilities }) =>
          vulnerabilities.some((one) => [one.id, ...(one.aliases ?? [])].some((name) => name.toUpperCase() === id)),
        ),
      ),
  );

const signersOf = (
  facts: ImageFacts | undefined,
): readonly { readonly signer: string; readonly fingerprint: string }[] => {
  if (facts === undefined) return [];
  const signatures = [...facts.signatures.values()].flatMap((one) => (one.status === "verified" ? one.value : []));
  const attestations = [...facts.attestations.values()].flatMap((one) => (one.status === "verified" ? one.value : []));
  return [...signatures, ...attestations.map(({ proof }) => proof)];
};

const stateOf = ({ manifest, type }: Workload): Place["state"] => {
  if (type === "template") return "template";
  const phase = textOf(fieldsOf(manifest.object["status"])["phase"]);
  return phase === "Running" ? "running" : phase === "Succeeded" || phase === "Failed" ? "finished" : "not running";
};
