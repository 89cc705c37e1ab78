import { attestationKey } from "../attestationKey.ts";
import type { AuthoritySet } from "../compiledRules.ts";
import type { ImageFacts } from "../facts.ts";
import { parsePackageUrl, samePackage } from "../packageUrl.ts";
import type { Vulnerability } from "../scanReport.ts";
import { idsOf, type Excused } from "./scanAssessment.ts";

/** Predicate types under which OpenVEX documents are attested: cosign's `--type openvex`, and the versioned contexts. */
export const OPENVEX_PREDICATES: readonly string[] = [
  "https://openvex.dev/ns",
  "https://openvex.dev/ns/v0.2.0",
  "https://openvex.dev/ns/v0.0.1",
];

interface VexStatement {
  readonly vulnerabilities: ReadonlySet<string>;
  /** undefined: the statement names none, so it is about the attestation's subject. */
  readonly products: readonly VexProduct[] | undefined;
  readonly subcomponents: readonly string[];
  readonly excuses: boolean;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

interface VexProduct {
  readonly ids: readonly string[];
  readonly subcomponents: readonly string[];
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? // Just shown to be an object with that own key.
      (value as Record<string, unknown>)[name]
    : undefined;

const text = (value: unknown): string[] => (typeof value === "string" && value !== "" ? [value] : []);
const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** OpenVEX 0.0.1 writes a plain string where 0.2.0 writes an object with `@id` and identifiers. */
const idsOfComponent = (component: unknown): string[] => [
  ...text(component),
  ...text(field(component, "@id")),
  ...text(field(field(component, "identifiers"), "purl")),
  ...text(field(field(component, "hashes"), "sha-256")).map((hex) => `sha256:${hex}`),
];

const product = (entry: unknown): VexProduct => ({
  ids: idsOfComponent(entry),
  subcomponents: items(field(entry, "subcomponents")).flatMap(idsOfComponent),
});

/** `not_affected` must say why (OpenVEX specification, "Status Justifications"): one that does not is no excuse. */
const excuses = (statement: unknown): boolean => {
  switch (field(statement, "status")) {
    case "fixed":
      return true;
    case "not_affected":
      return text(field(statement, "justification")).length + text(field(statement, "impact_statement")).length > 0;
    default:
      return false;
  }
};

const statementsOf = (document: unknown): VexStatement[] =>
  items(field(document, "statements")).map((statement) => {
    const vulnerability = field(statement, "vulnerability");
    const products = field(statement, "products");
    const time = [statement, document].flatMap((holder) => [
      ...text(field(holder, "last_updated")),
      ...text(field(holder, "timestamp")),
    ])[0];
    return {
      vulnerabilities: new Set(
        [
          ...text(vulnerability),
          ...text(field(vulnerability, "name")),
          ...items(field(vulnerability, "aliases")).flatMap(text),
        ].map((id) => id.toUpperCase()),
      ),
      products: products === undefined ? undefined : items(products).map(product),
      subcomponents: items(field(statement, "subcomponents")).flatMap(idsOfComponent),
      excuses: excuses(statement),
      time: time === undefined ? Number.NaN : Date.parse(time),
    };
  });

const isPackage = (said: string, purl: string | undefined): boolean => {
  const [a, b] = [parsePackageUrl(said), parsePackageUrl(purl ?? "")];
  return a !== undefined && b !== undefined && samePackage(a, b);
};

/**
 * A product is the image where it holds the image's digest, or is an OCI package URL without one: the attestation's
 * subject has already said which image is meant.
 */
const isImage = (id: string, digest: string): boolean => {
  const url = parsePackageUrl(id);
  if (url !== undefined) return url.type === "oci" && (url.version === undefined || url.version === digest);
  return id === digest || id.endsWith(`@${digest}`);
};

const concerns = (statement: VexStatement, vulnerability: Vulnerability, digest: string): boolean => {
  const among = (subcomponents: readonly string[]): boolean =>
    subcomponents.length === 0 || subcomponents.some((id) => isPackage(id, vulnerability.purl));
  if (statement.products === undefined) return among(statement.subcomponents);
  return statement.products.some(({ ids, subcomponents }) =>
    ids.some((id) => isImage(id, digest))
      ? among([...subcomponents, ...statement.subcomponents])
      : ids.some((id) => isPackage(id, vulnerability.purl)),
  );
};

/**
 * What the OpenVEX statements of a policy's authorities excuse. The newest statement about a vulnerability of a package
 * decides, so a later `affected` puts it back; of two at the same time the one that does not excuse.
 */
export const excusedByVex = (authorities: AuthoritySet, facts: ImageFacts): Excused => {
  const digest = facts.digest?.status === "verified" ? facts.digest.value : undefined;
  if (digest === undefined) return () => false;
  const statements = authorities.trusted
    .flatMap(({ id }) => OPENVEX_PREDICATES.map((type) => facts.attestations.get(attestationKey(type, id))))
    .flatMap((outcome) => (outcome?.status === "verified" ? outcome.value : []))
    .flatMap(({ predicate }) => statementsOf(predicate))
    .filter(({ time }) => !Number.isNaN(time))
    .toSorted((a, b) => b.time - a.time || Number(a.excuses) - Number(b.excuses));
  const rank = new Map(statements.map((statement, index) => [statement, index]));
  const byId = new Map<string, VexStatement[]>();
  for (const statement of statements) {
    for (const id of statement.vulnerabilities) byId.set(id, [...(byId.get(id) ?? []), statement]);
  }
  return (vulnerability) => {
    const about = idsOf(vulnerability)
      .flatMap((id) => byId.get(id) ?? [])
      .filter((statement) => concerns(statement, vulnerability, digest))
      .sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
    return about[0]?.excuses ?? false;
  };
};
