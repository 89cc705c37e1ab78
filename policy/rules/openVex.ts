import { parsePackageUrl } from "../image/packageUrl.ts";
import { parseRfc3339 } from "../rfc3339.ts";
import { field, listOf } from "../../json/fields.ts";
import type { PackageURL } from "packageurl-js";

/** A name in a statement, as it is written and, where it is a package URL, parsed. */
export interface VexComponent {
  readonly id: string;
  readonly url?: PackageURL;
}

/**
 * Parts of a product that a statement is about. undefined: it names none, so it is about all of it; empty: none that
 * can be read.
 */
type Subcomponents = readonly VexComponent[] | undefined;

export interface VexProduct {
  readonly names: readonly VexComponent[];
  readonly subcomponents: Subcomponents;
}

/** One statement of an OpenVEX document. */
export interface VexStatement {
  /** Names and aliases in upper case. */
  readonly vulnerabilities: ReadonlySet<string>;
  /** undefined: the statement names none, so it is about the attestation's subject. */
  readonly products: readonly VexProduct[] | undefined;
  readonly subcomponents: Subcomponents;
  /** `fixed`, or `not_affected` with a reason. */
  readonly excuses: boolean;
  /** For messages: its status, and what it lacks. */
  readonly said: string;
  /** Milliseconds since the epoch; NaN where none can be read. */
  readonly time: number;
}

/** The statements of an OpenVEX document; of one that is none, nothing. */
export function vexStatements(document: unknown): VexStatement[] {
  return listOf(field(document, "statements")).map((statement) => {
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
          ...listOf(field(vulnerability, "aliases")).flatMap(text),
        ].map((id) => id.toUpperCase()),
      ),
      products: products === undefined ? undefined : listOf(products).map(product),
      subcomponents: subcomponentsOf(statement),
      excuses: excuses(statement),
      said: said(statement),
      time: parseRfc3339(time ?? "") ?? Number.NaN,
    };
  });
}

/** OpenVEX 0.0.1 writes a plain string where 0.2.0 writes an object with `@id` and identifiers. */
function namesOf(component: unknown): VexComponent[] {
  return [
    ...text(component),
    ...text(field(component, "@id")),
    ...text(field(field(component, "identifiers"), "purl")),
    ...text(field(field(component, "hashes"), "sha-256")).map((hex) => `sha256:${hex}`),
  ].map((id) => {
    const url = parsePackageUrl(id);
    return { id, ...(url === undefined ? {} : { url }) };
  });
}

/** Of a list that names only what we cannot read (a CPE) the statement is about that, and not about everything. */
function subcomponentsOf(holder: unknown): Subcomponents {
  const listed = field(holder, "subcomponents") ?? [];
  return Array.isArray(listed) && listed.length === 0 ? undefined : listOf(listed).flatMap(namesOf);
}

function product(entry: unknown): VexProduct {
  return {
    names: namesOf(entry),
    subcomponents: subcomponentsOf(entry),
  };
}

/** `not_affected` must say why (OpenVEX specification, "Status Justifications"): one that does not is no excuse. */
function excuses(statement: unknown): boolean {
  switch (field(statement, "status")) {
    case "fixed":
      return true;
    case "not_affected":
      return text(field(statement, "justification")).length + text(field(statement, "impact_statement")).length > 0;
    default:
      return false;
  }
}

function said(statement: unknown): string {
  const status = text(field(statement, "status"))[0] ?? "no status";
  return status === "not_affected" && !excuses(statement)
    ? "not_affected without a justification or an impact statement"
    : status;
}

function text(value: unknown): string[] {
  return typeof value === "string" && value !== "" ? [value] : [];
}
