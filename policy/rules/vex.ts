import type { PackageURL } from "packageurl-js";
import { attestationKey } from "../attestationKey.ts";
import type { AuthoritySet } from "../compiledRules.ts";
import type { AttestationOutcome, ImageFacts } from "../facts.ts";
import { imageOfPackageUrl, parsePackageUrl, samePackage } from "../packageUrl.ts";
import { parseReference, type Reference } from "../reference.ts";
import { vexStatements, type VexComponent, type VexProduct, type VexStatement } from "./openVex.ts";
import { excusableBy, type Excused } from "./scanAssessment.ts";

/** Predicate types under which OpenVEX documents are attested: cosign's `--type openvex`, and the versioned contexts. */
export const OPENVEX_PREDICATES: readonly string[] = [
  "https://openvex.dev/ns",
  "https://openvex.dev/ns/v0.2.0",
  "https://openvex.dev/ns/v0.0.1",
];

/** Statements about one vulnerability that are weighed; what more say is not believed, so that judging stays bounded. */
const MOST_ABOUT_ONE = 256;

/** The image that is judged, as statements may name it. */
interface Image {
  readonly digest: string;
  readonly reference: Reference;
}

/**
 * A product is the image where it holds the image's digest, or names its repository without one: the attestation's
 * subject has already said which image of that repository is meant.
 */
const isImage = ({ id, url }: VexComponent, { digest, reference }: Image): boolean => {
  if (url === undefined) return id === digest || id.endsWith(`@${digest}`);
  if (url.type !== "oci" && url.type !== "docker") return false;
  if (url.version !== undefined) return url.version === digest;
  const repository = url.qualifiers?.["repository_url"];
  if (url.type === "oci" && repository === undefined) return url.name === reference.name.split("/").at(-1);
  const named = parseReference(imageOfPackageUrl(url) ?? "");
  return named.status === "ok" && named.reference.name === reference.name;
};

const concerns = (statement: VexStatement, vulnerable: PackageURL | undefined, image: Image): boolean => {
  const isPackage = ({ url }: VexComponent): boolean =>
    url !== undefined && vulnerable !== undefined && samePackage(url, vulnerable);
  const among = (...named: readonly VexProduct["subcomponents"][]): boolean =>
    named.every((one) => one === undefined) || named.some((one) => one?.some(isPackage) === true);
  if (statement.products === undefined) return among(statement.subcomponents);
  return statement.products.some(({ names, subcomponents }) =>
    names.some((name) => isImage(name, image)) ? among(subcomponents, statement.subcomponents) : names.some(isPackage),
  );
};

/** Newest first. A statement without a time excuses nothing, and takes back what others excuse. */
const newestFirst = (statements: readonly VexStatement[]): VexStatement[] => {
  const timeOf = ({ time }: VexStatement): number => (Number.isNaN(time) ? Infinity : time);
  return statements
    .filter(({ time, excuses }) => !Number.isNaN(time) || !excuses)
    .toSorted((a, b) => timeOf(b) - timeOf(a) || Number(a.excuses) - Number(b.excuses));
};

const excusedBy = (statements: readonly VexStatement[], image: Image): Excused => {
  const byId = new Map<string, VexStatement[]>();
  const rank = new Map<VexStatement, number>();
  for (const statement of newestFirst(statements)) {
    rank.set(statement, rank.size);
    for (const id of statement.vulnerabilities) {
      const about = byId.get(id);
      if (about === undefined) byId.set(id, [statement]);
      else about.push(statement);
    }
  }
  const rankOf = (statement: VexStatement): number => rank.get(statement) ?? 0;
  const isExcused = (ids: readonly string[], url: PackageURL | undefined): boolean => {
    const about = ids.flatMap((id) => byId.get(id) ?? []);
    if (about.length === 0 || about.length > MOST_ABOUT_ONE) return false;
    const decides = about
      .filter((statement) => concerns(statement, url, image))
      .reduce<VexStatement | undefined>((a, b) => (a === undefined || rankOf(b) < rankOf(a) ? b : a), undefined);
    return decides?.excuses ?? false;
  };
  return (vulnerability) => {
    const named = excusableBy(vulnerability);
    if (named.every((ids) => ids.every((id) => !byId.has(id)))) return false;
    const url = parsePackageUrl(vulnerability.purl ?? "");
    return named.every((ids) => isExcused(ids, url));
  };
};

interface Read extends Image {
  readonly outcomes: readonly AttestationOutcome[];
  readonly excused: Excused;
}

/** What was read is good for as long as the attestations are the very same. */
const read = new WeakMap<AuthoritySet, WeakMap<AttestationOutcome, Read>>();

/**
 * What the OpenVEX statements of a policy's authorities excuse. The newest statement about a vulnerability of a package
 * decides, so a later `affected` puts it back; of two at the same time the one that does not excuse.
 * @returns the same function for the same evidence; undefined where there is none.
 */
export const excusedByVex = (
  authorities: AuthoritySet,
  { digest, attestations }: ImageFacts,
  reference: Reference,
): Excused | undefined => {
  if (digest?.status !== "verified") return undefined;
  const all = authorities.trusted.flatMap(({ id }) =>
    OPENVEX_PREDICATES.map((type) => attestations.get(attestationKey(type, id))),
  );
  // What takes an excuse back may be under it, or where nobody could look.
  if (all.some((outcome) => outcome?.buried === true || outcome?.status === "unavailable")) return undefined;
  const outcomes = all.filter((outcome) => outcome?.status === "verified");
  const [first] = outcomes;
  if (first === undefined) return undefined;
  const kept = read.get(authorities) ?? new WeakMap<AttestationOutcome, Read>();
  read.set(authorities, kept);
  const known = kept.get(first);
  if (
    known?.digest === digest.value &&
    known.reference.name === reference.name &&
    known.outcomes.length === outcomes.length &&
    known.outcomes.every((outcome, index) => outcome === outcomes[index])
  )
    return known.excused;
  const statements = outcomes.flatMap(({ value }) => value.flatMap(({ predicate }) => vexStatements(predicate)));
  const image = { digest: digest.value, reference };
  const excused = excusedBy(statements, image);
  kept.set(first, { ...image, outcomes, excused });
  return excused;
};
