import { setImmediate as turn } from "node:timers/promises";
import { SEVERITIES, type Vulnerability } from "../../../policy/facts/scanReport.ts";
import type { BrokenScan, NamedImage, ScanParse } from "./parsedScan.ts";

/**
 * A report between threads: one text for each column. Objects are cloned one by one (20,000 take 35 ms of the receiving
 * thread), texts are copied as a whole and cut apart again in 10 ms.
 */
export type PackedScan =
  | BrokenScan
  | {
      readonly status: "ok";
      readonly scanner: string;
      readonly scannedAt?: string;
      readonly image: NamedImage;
      readonly found: PackedRows;
      readonly suppressed?: PackedRows;
    };

interface PackedRows {
  readonly count: number;
  readonly columns: readonly string[];
}

/** Values stand on lines of their own; nearly none of them needs this. */
const escaped = (text: string): string =>
  text.includes("\\") || text.includes("\n") || text.includes("\t")
    ? text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t")
    : text;

const unescaped = (text: string): string =>
  text.includes("\\")
    ? text.replaceAll(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "t" ? "\t" : letter))
    : text;

/** Every reader drops empty texts, so that an empty value says that there is none. */
const COLUMNS: readonly ((v: Vulnerability) => string)[] = [
  (v) => escaped(v.id),
  (v) => String(SEVERITIES.indexOf(v.severity)),
  (v) => escaped(v.package),
  (v) => escaped(v.installedVersion),
  (v) => escaped(v.fixedVersion ?? ""),
  (v) => (v.cvss === undefined ? "" : String(v.cvss)),
  (v) => escaped(v.purl ?? ""),
  (v) => (v.aliases ?? []).map(escaped).join("\t"),
];

const packRows = (vulnerabilities: readonly Vulnerability[]): PackedRows => ({
  count: vulnerabilities.length,
  columns: COLUMNS.map((column) => vulnerabilities.map(column).join("\n")),
});

export const packScan = (parse: ScanParse): PackedScan => {
  if (parse.status === "broken") return parse;
  const { scanner, scannedAt, vulnerabilities, suppressed } = parse.report;
  return {
    status: "ok",
    scanner,
    ...(scannedAt === undefined ? {} : { scannedAt }),
    image: parse.image,
    found: packRows(vulnerabilities),
    ...(suppressed === undefined ? {} : { suppressed: packRows(suppressed) }),
  };
};

/** Rows that are put together between two turns of the event loop: about 2 ms. */
const SLICE = 2_000;

/** A report out of its columns. Lets others have their turns in between. */
export const unpackScan = async (packed: PackedScan): Promise<ScanParse> => {
  if (packed.status === "broken") return packed;
  const { scanner, scannedAt, image, found, suppressed } = packed;
  return {
    status: "ok",
    report: {
      scanner,
      vulnerabilities: await unpackRows(found),
      ...(scannedAt === undefined ? {} : { scannedAt }),
      ...(suppressed === undefined ? {} : { suppressed: await unpackRows(suppressed) }),
    },
    image,
  };
};

const unpackRows = async ({ count, columns }: PackedRows): Promise<readonly Vulnerability[]> => {
  const row = rowsOf(columns.map((column) => column.split("\n")));
  const vulnerabilities: Vulnerability[] = [];
  for (let at = 0; at < count; at++) {
    if (at % SLICE === SLICE - 1) await turn();
    vulnerabilities.push(row(at));
  }
  return vulnerabilities;
};

const rowsOf = ([
  ids = [],
  severities = [],
  packages = [],
  versions = [],
  fixes = [],
  scores = [],
  purls = [],
  aliases = [],
]: readonly (readonly string[])[]): ((at: number) => Vulnerability) => {
  const value = (column: readonly string[], at: number): string => unescaped(column[at] ?? "");
  return (at) => {
    const vulnerability: { -readonly [Name in keyof Vulnerability]: Vulnerability[Name] } = {
      id: value(ids, at),
      severity: SEVERITIES[Number(severities[at])] ?? "critical",
      package: value(packages, at),
      installedVersion: value(versions, at),
    };
    const [fixedVersion, cvss, purl, names] = [value(fixes, at), scores[at] ?? "", value(purls, at), aliases[at] ?? ""];
    if (fixedVersion !== "") vulnerability.fixedVersion = fixedVersion;
    if (cvss !== "") vulnerability.cvss = Number(cvss);
    if (purl !== "") vulnerability.purl = purl;
    if (names !== "") vulnerability.aliases = names.split("\t").map(unescaped);
    return vulnerability;
  };
};
