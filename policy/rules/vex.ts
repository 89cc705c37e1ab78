import type { PackageURL } from "packageurl-js";
import { attestationKey } from "../facts/attestationKey.ts";
import type { AuthoritySet } from "../authority.ts";
import type { AttestationOutcome, ImageFacts, ProvedStatement } from "../facts/facts.ts";
import { lackingAmong } from "../facts/buried.ts";
import { imageOfPackageUrl, parsePackageUrl, samePackage } from "../image/packageUrl.ts";
import { parseReference, type Reference } from "../image/reference.ts";
import { vexStatements, type VexComponent, type VexProduct, type VexStatement } from "./openVex.ts";
import { shown } from "../finding/message.ts";
import { excusableBy, type Vex } from "./scanAssessment.ts";

/**
 * Predicate types under which OpenVEX documents are attested: cosign's `--type openvex`, and the versioned contexts.
 */
export const OPENVEX_PREDICATES: readonly string[] = [
  "https://openvex.dev/ns",
  "https://openvex.dev/ns/v0.2.0",
  "https://openvex.dev/ns/v0.0.1",
];

/**
 * Statements about one vulnerability that are weighed; what more say is not believed, so that judging stays bounded.
 */
const MOST_ABOUT_ONE = 256;

/**
 * Parts of images that are remembered under one attestation: all of an index with its 64 platforms, twice. Many indexes
 * may share a platform.
 */
const MOST_PARTS = 130;

/** The image that is judged, as statements may name it: by its digest; a platform of an index, by either of the two. */
interface Image {
  readonly digests: readonly string[];
  readonly reference: Reference;
}

/** Whether a name is of what is asked; undefined: it cannot be told. */
type Match = boolean | undefined;

interface Read extends Image {
  readonly outcomes: readonly AttestationOutcome[];
  readonly vex: Vex;
}

/** What there is of VEX for one part of an image. */
export interface VexFacts {
  /** The same object for the same evidence; absent: nothing is excused. */
  readonly vex?: Vex;
  /** Why what there is cannot be used, or does not count. */
  readonly trouble?: string;
}

/** What was read, by the part that it is about, is good for as long as the attestations are the very same. */
const read = new WeakMap<AuthoritySet, WeakMap<AttestationOutcome, Map<string, Read>>>();

/**
 * What the OpenVEX statements of a policy's authorities excuse. The newest statement about a vulnerability of a package
 * decides, so a later `affected` puts it back; of two at the same time the one that does not excuse.
 * @param platform the digest of the platform child that a report is about; absent: it is about all of the image, and
 * what was said of one platform excuses nothing in it.
 */
export function excusedByVex(
  authorities: AuthoritySet,
  { digest, allAttested, platforms }: ImageFacts,
  reference: Reference,
  platform?: string,
): VexFacts {
  if (digest?.status !== "verified") return {};
  const ofPlatform =
    platform === undefined
      ? undefined
      : platforms?.status === "verified"
        ? platforms.value.find((one) => one.digest === platform)
        : undefined;
  const keys = authorities.trusted.flatMap(({ id }) => OPENVEX_PREDICATES.map((type) => attestationKey(type, id)));
  const said = keys.map((key) => ofPlatform?.attested.get(key));
  // What takes an excuse back may be said of the platform alone.
  if (platform !== undefined && said.includes(undefined))
    return { trouble: platforms !== undefined && "message" in platforms ? platforms.message : "it was not asked for" };
  const all = [...keys.map((key) => allAttested?.get(key)), ...said];
  const there = all.filter((outcome) => outcome !== undefined);
  // What takes an excuse back may be under it, or where nobody could look; or its author's key is not at hand.
  const trouble = lackingAmong(there) ?? there.find((outcome) => outcome.status === "unavailable")?.message;
  if (trouble !== undefined) return { trouble };
  const [faulty] = authorities.faulty;
  if (faulty !== undefined) return { trouble: `authority ${faulty.name}: ${faulty.message}` };
  const outcomes = there.filter((outcome) => outcome.status === "verified");
  const [first] = outcomes;
  const refused = there.find((outcome) => outcome.status === "invalid")?.message;
  if (first === undefined) return refused === undefined ? {} : { trouble: refused };
  const byFirst = read.get(authorities) ?? new WeakMap<AttestationOutcome, Map<string, Read>>();
  read.set(authorities, byFirst);
  const kept = byFirst.get(first) ?? new Map<string, Read>();
  byFirst.set(first, kept);
  const digests = platform === undefined ? [digest.value] : [digest.value, platform];
  const part = digests.join(" ");
  const known = kept.get(part);
  if (
    known?.reference.name === reference.name &&
    known.outcomes.length === outcomes.length &&
    known.outcomes.every((outcome, index) => outcome === outcomes[index])
  )
    return { vex: known.vex };
  const image = { digests, reference };
  const vex = vexOf(
    outcomes.flatMap(({ value }) => value.flatMap(statementsIn)),
    image,
  );
  if (kept.size >= MOST_PARTS) kept.clear();
  kept.set(part, { ...image, outcomes, vex });
  return { vex };
}

/** A document of an index is about each of its platforms, and read once for all of them. */
const parsed = new WeakMap<ProvedStatement, readonly VexStatement[]>();

function statementsIn(proved: ProvedStatement): readonly VexStatement[] {
  const statements = parsed.get(proved) ?? vexStatements(proved.predicate);
  parsed.set(proved, statements);
  return statements;
}

function anyOf(matches: readonly Match[]): Match {
  return matches.includes(true) || (matches.includes(undefined) ? undefined : false);
}

/** By a digest in it, of whatever it is, a name that is no package URL can be told from others. */
function hasDigest(id: string): boolean {
  return /\bsha(256|512):/.test(id);
}

function isOfImages({ type }: PackageURL): boolean {
  return type === "oci" || type === "docker";
}

/**
 * A product is the image where it holds the image's digest, or names its repository without one: the attestation's
 * subject has already said which image of that repository is meant.
 */
function isImage({ id, url }: VexComponent, { digests, reference }: Image): Match {
  if (url === undefined)
    return digests.some((digest) => id === digest || id.endsWith(`@${digest}`)) || (hasDigest(id) ? false : undefined);
  if (!isOfImages(url)) return false;
  if (url.version !== undefined && hasDigest(url.version)) return digests.includes(url.version);
  if (!isRepository(url, reference)) return false;
  // Which image a tag names is not known here.
  return url.version === undefined ? true : undefined;
}

function isRepository(url: PackageURL, { name }: Reference): boolean {
  if (url.type === "oci" && url.qualifiers?.["repository_url"] === undefined)
    return url.name === name.split("/").at(-1);
  const named = parseReference(imageOfPackageUrl(url) ?? "");
  return named.status === "ok" && named.reference.name === name;
}

function isPackage({ id, url }: VexComponent, vulnerable: PackageURL | undefined): Match {
  if (url === undefined) return hasDigest(id) ? false : undefined;
  if (isOfImages(url)) return false;
  return vulnerable === undefined ? undefined : samePackage(url, vulnerable);
}

/**
 * Whether a statement is about a package of the image. What cannot be told (a package where the report has no package
 * URLs, a CPE, a product by a name of its author's own, an image by a tag) excuses nothing, and takes back what others
 * excuse.
 */
function concerns(statement: VexStatement, vulnerable: PackageURL | undefined, image: Image): boolean {
  return isAbout(statement, vulnerable, image) ?? !statement.excuses;
}

function isAbout(statement: VexStatement, vulnerable: PackageURL | undefined, image: Image): Match {
  const among = (...named: readonly VexProduct["subcomponents"][]): Match => {
    const lists = named.filter((list) => list !== undefined);
    if (lists.length === 0) return true;
    return anyOf(
      lists.flatMap((list) => (list.length === 0 ? [undefined] : list.map((one) => isPackage(one, vulnerable)))),
    );
  };
  const isProduct = ({ names, subcomponents }: VexProduct): Match => {
    const named = names.length === 0 ? undefined : anyOf(names.map((name) => isImage(name, image)));
    const parts = named === false ? false : among(subcomponents, statement.subcomponents);
    if (named === true) return parts;
    return anyOf([parts === false ? false : named, ...names.map((name) => isPackage(name, vulnerable))]);
  };
  const { products } = statement;
  if (products === undefined) return among(statement.subcomponents);
  return products.length === 0 ? undefined : anyOf(products.map(isProduct));
}

function isWeighed({ time, excuses }: VexStatement): boolean {
  return !Number.isNaN(time) || !excuses;
}

/** Newest first. A statement without a time excuses nothing, and takes back what others excuse. */
function newestFirst(statements: readonly VexStatement[]): VexStatement[] {
  const timeOf = ({ time }: VexStatement): number => (Number.isNaN(time) ? Infinity : time);
  return statements
    .filter(isWeighed)
    .toSorted((a, b) => timeOf(b) - timeOf(a) || Number(a.excuses) - Number(b.excuses));
}

function vexOf(statements: readonly VexStatement[], image: Image): Vex {
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
  const decision = (about: readonly VexStatement[], url: PackageURL | undefined): VexStatement | undefined =>
    about
      .filter((statement) => concerns(statement, url, image))
      .reduce<VexStatement | undefined>((a, b) => (a === undefined || rankOf(b) < rankOf(a) ? b : a), undefined);
  const isExcused = (ids: readonly string[], url: PackageURL | undefined): boolean => {
    const about = ids.flatMap((id) => byId.get(id) ?? []);
    if (about.length === 0 || about.length > MOST_ABOUT_ONE) return false;
    return decision(about, url)?.excuses ?? false;
  };
  return {
    excuses: (vulnerability) => {
      const named = excusableBy(vulnerability);
      if (named.every((ids) => ids.every((id) => !byId.has(id)))) return false;
      const url = parsePackageUrl(vulnerability.purl ?? "");
      return named.every((ids) => isExcused(ids, url));
    },
    objection: (vulnerability) => {
      const url = parsePackageUrl(vulnerability.purl ?? "");
      const ids = excusableBy(vulnerability).find((names) => !isExcused(names, url)) ?? [];
      const about = statements.filter(({ vulnerabilities }) => ids.some((id) => vulnerabilities.has(id)));
      const [first] = about;
      if (first === undefined) return undefined;
      if (about.length > MOST_ABOUT_ONE) return `more than ${MOST_ABOUT_ONE} statements are about it`;
      const decides = decision(about.filter(isWeighed), url);
      if (decides !== undefined && !decides.excuses)
        return `the newest statement says ${shown(decides.said.slice(0, 80))}`;
      const other = about.find((statement) => isAbout(statement, url, image) !== true);
      if (other === undefined) return "the statement has no time";
      const what = isAbout(other, url, image) === false ? "is about something else" : "does not tell what it is about";
      const product = other.products?.[0]?.names[0]?.id ?? other.subcomponents?.[0]?.id;
      return `the statement ${what}${product === undefined ? "" : ` (${shown(product.slice(0, 120))})`}`;
    },
  };
}
