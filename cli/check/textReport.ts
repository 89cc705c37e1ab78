import type { Attested } from "../attest/attest.ts";
import { linesOf } from "../../policy/finding/lines.ts";
import { counted } from "../counted.ts";
import { terminalText } from "../terminalText.ts";
import { explainLines } from "./explain.ts";
import { LEVELS, type CheckedObject, type CheckResult } from "./result.ts";

/** Colours of a terminal, or none. */
export interface Palette {
  readonly denied: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly dim: (text: string) => string;
}

export const PLAIN: Palette = { denied: (text) => text, warning: (text) => text, dim: (text) => text };
export const COLOURED: Palette = {
  denied: (text) => `\u001b[31m${text}\u001b[39m`,
  warning: (text) => `\u001b[33m${text}\u001b[39m`,
  dim: (text) => `\u001b[2m${text}\u001b[22m`,
};

/** Objects with something to say, each with its findings, and what all of them come to. */
export const textReport = (result: CheckResult, palette: Palette): string => {
  const lines = result.objects
    .filter(({ findings, explained }) => findings.length > 0 || explained !== undefined)
    .flatMap((object) => reportOf(object, palette));
  const attested = (result.attested ?? []).map((one) => attestedLine(one, palette));
  return `${[...lines, ...attested, summaryOf(result, palette)].join("\n")}\n`;
};

const reportOf = (object: CheckedObject, palette: Palette): readonly string[] => {
  const { path, line, kind, name, namespace, findings, explained = [] } = object;
  const title = terminalText(`${path}:${line}: ${kind}/${name} in namespace ${namespace}`);
  return [
    `${title}: ${verdictOf(object, palette)}`,
    ...saidOf(findings).map(({ level, at, text }) =>
      colour(terminalText(`  ${path}:${at}: ${level}: ${text}`), level, palette),
    ),
    ...explained.flatMap((image) => explainLines(image, 1)).map((text) => palette.dim(terminalText(text))),
  ];
};

/** Where a statement about an image is now, or why there is none. */
const attestedLine = (one: Attested, palette: Palette): string => {
  switch (one.status) {
    case "published":
      return terminalText(`attested: ${one.image}: published as ${one.at}`);
    case "failed":
      return palette.denied(terminalText(`not attested: ${one.image}: ${one.why}`));
    case "notPassed":
      return palette.dim(terminalText(`not attested: ${one.image}: ${one.why}`));
  }
};

interface Said {
  readonly level: string;
  /** The line of the image in its file. */
  readonly at: number;
  readonly text: string;
}

/** The lines that admission would answer, and what it would not say: dryrun, allowed and exempted findings. */
const saidOf = (placed: CheckedObject["findings"]): readonly Said[] => {
  const lineOf = new Map(placed.map(({ finding, line }) => [finding, line]));
  const findings = placed.map(({ finding }) => finding);
  const standing = findings.filter(({ exempted }) => exempted === undefined);
  const said = ACTIONS.flatMap((action) => {
    const lines = linesOf(
      standing.filter((finding) => finding.action === action),
      standing,
    );
    return lines.map(({ text, finding }) => ({ level: LEVELS[action], at: lineOf.get(finding) ?? 0, text }));
  });
  const exceptions = new Set(findings.flatMap(({ exempted }) => exempted?.by ?? []));
  const silenced = [...exceptions].toSorted().flatMap((by) => {
    const lines = linesOf(findings.filter(({ exempted }) => exempted?.by === by));
    return lines.map(({ text, finding }) => ({
      level: "exempted",
      at: lineOf.get(finding) ?? 0,
      text: `${text} (exempted by ${by})`,
    }));
  });
  // As in the file; of one image what refuses it comes first.
  return [...said, ...silenced].toSorted((a, b) => a.at - b.at);
};

const ACTIONS = ["deny", "warn", "dryrun", "allow"] as const;

const colour = (text: string, level: string, palette: Palette): string =>
  level === "denied" ? palette.denied(text) : level === "warning" ? palette.warning(text) : palette.dim(text);

const verdictOf = ({ verdict }: CheckedObject, palette: Palette): string =>
  verdict === "deny"
    ? palette.denied("denied")
    : verdict === "warn"
      ? palette.warning("admitted, with warnings")
      : "admitted";

const summaryOf = ({ objects, passedOver }: CheckResult, palette: Palette): string => {
  const count = (verdict: CheckedObject["verdict"]): number => objects.filter((one) => one.verdict === verdict).length;
  const [denied, warned] = [count("deny"), count("warn")];
  const parts = [
    ...(denied > 0 ? [palette.denied(`${denied} denied`)] : []),
    ...(warned > 0 ? [palette.warning(`${warned} admitted with warnings`)] : []),
    `${count("allow")} admitted`,
  ];
  const others = passedOver > 0 ? palette.dim(` (${passedOver} without images passed over)`) : "";
  return `${counted(objects.length, "object")} judged: ${parts.join(", ")}${others}`;
};
