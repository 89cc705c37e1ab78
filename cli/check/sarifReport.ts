import { createHash } from "node:crypto";
import about from "../../package.json" with { type: "json" };
import type { Finding, Reason } from "../../policy/finding/finding.ts";
import { FROM_COMMAND_LINE, type CheckResult } from "./result.ts";

const SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/** SARIF 2.1.0 (OASIS), one result a finding, at the image's own line: GitHub and GitLab annotate the change with it. */
export const sarifReport = ({ objects }: CheckResult): string => {
  const reasons = [...new Set(objects.flatMap((one) => one.findings.map(({ finding }) => finding.reason)))].toSorted();
  const results = objects.flatMap(({ path, namespace, kind, name, findings }) =>
    findings.map(({ finding, line }) => ({
      ruleId: finding.reason,
      ruleIndex: reasons.indexOf(finding.reason),
      level: levelOf(finding),
      message: { text: finding.message },
      locations: [
        {
          // An image of the command line stands in no file.
          ...(path === FROM_COMMAND_LINE
            ? {}
            : { physicalLocation: { artifactLocation: { uri: uriOf(path) }, region: { startLine: line } } }),
          logicalLocations: [
            { fullyQualifiedName: `${namespace}/${kind}/${name}/${finding.container}`, kind: "resource" },
          ],
        },
      ],
      // Stays the same when lines move, so that a finding that is known is not news.
      partialFingerprints: {
        "imageSecurity/v1": hash([
          path,
          namespace,
          kind,
          name,
          finding.policy,
          finding.rule,
          finding.reason,
          finding.container,
          finding.image,
        ]),
      },
      ...(finding.exempted === undefined
        ? {}
        : {
            suppressions: [
              {
                kind: "external",
                justification: `exception ${finding.exempted.by}, until ${finding.exempted.expires}`,
              },
            ],
          }),
    })),
  );
  const report = {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: about.name,
            version: about.version,
            rules: reasons.map((id) => ({ id, name: id, shortDescription: { text: wordsOf(id) } })),
          },
        },
        columnKind: "utf16CodeUnits",
        results,
      },
    ],
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
};

const levelOf = ({ action }: Finding): "error" | "warning" | "note" =>
  action === "deny" ? "error" : action === "warn" ? "warning" : "note";

/** A relative reference (RFC 3986), as the repository has it. */
const uriOf = (path: string): string =>
  path
    .replace(/^\.\//, "")
    .replaceAll("\\", "/")
    .split("/")
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join("/");

const hash = (parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);

/** `ScanVulnerable` as "Scan vulnerable". */
const wordsOf = (reason: Reason): string =>
  reason.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
