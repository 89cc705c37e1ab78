import { counted } from "../counted.ts";
import type { CheckedObject, CheckResult } from "./result.ts";

/**
 * JUnit XML as Jenkins, GitLab and others read it, and by Jenkins' schema, which has no place for files and lines but the text: a suite for each
 * file, a case for each object, a failure with every denial. Warnings stand in the case's output.
 */
export const junitReport = ({ objects }: CheckResult): string => {
  const files = [...Map.groupBy(objects, ({ path }) => path)];
  const total = `tests="${objects.length}" failures="${failuresIn(objects)}" errors="0"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="image-security" ${total}>`,
    ...files.flatMap(([path, of]) => [
      `  <testsuite name="${xml(path)}" tests="${of.length}" failures="${failuresIn(of)}" errors="0">`,
      ...of.flatMap(caseOf),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
};

const failuresIn = (objects: readonly CheckedObject[]): number =>
  objects.filter(({ verdict }) => verdict === "deny").length;

const caseOf = ({ path, kind, namespace, name, verdict, findings }: CheckedObject): readonly string[] => {
  const open = `    <testcase classname="${xml(path)}" name="${xml(`${kind}/${name} in ${namespace}`)}"`;
  const standing = findings.filter(({ finding }) => finding.exempted === undefined);
  const denials = standing.filter(({ finding }) => finding.action === "deny");
  const others = findings.filter((one) => !denials.includes(one));
  if (verdict === "allow" && others.length === 0) return [`${open}/>`];
  const textOf = (of: typeof findings): string =>
    xml(of.map((one) => `${path}:${one.line}: ${one.finding.message}`).join("\n"));
  return [
    `${open}>`,
    ...(verdict === "deny"
      ? [`      <failure type="denied" message="${counted(denials.length, "denial")}">${textOf(denials)}</failure>`]
      : []),
    ...(others.length > 0 ? [`      <system-out>${textOf(others)}</system-out>`] : []),
    "    </testcase>",
  ];
};

/** Text for XML 1.0, which has no way to say most control characters. */
const xml = (text: string): string =>
  text
    .replaceAll(
      /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu,
      (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
    )
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
