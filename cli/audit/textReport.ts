import { counted } from "../counted.ts";
import { table } from "../table.ts";
import { terminalText } from "../terminalText.ts";
import type { AuditFinding, AuditResult, PolicyRadius } from "./auditResult.ts";

/** Findings that are shown for one policy; the JSON and HTML reports have all of them. */
const MOST_SHOWN = 50;

/** What would be refused, policy by policy; namespaces are counted where a line of the table would be longer than `columns`. */
export const textReport = (result: AuditResult, columns: number): string => {
  const { cluster, pods, templates, namespaces, images, policies, findings } = result;
  const tags = images.filter(({ form }) => form === "tag").length;
  return [
    `${terminalText(cluster)}: ${counted(pods, "pod")} and ${counted(templates, "template")} in ${counted(namespaces, "namespace")} run ${counted(images.length, "image")}, ${tags} of them by a tag alone.`,
    "Refused if each were made anew and the policy denied:",
    "",
    ...overview(policies, columns),
    ...policies.flatMap(({ policy }) => detailsOf(policy, findings)),
    "",
  ].join("\n");
};

const overview = (policies: readonly PolicyRadius[], columns: number): readonly string[] => {
  const [head = "", ...lines] = table([
    ["POLICY", "IN FORCE", "PODS", "TEMPLATES", "OWNERS", ""],
    ...policies.map(({ policy, inForce, pods, templates, owners }) => [
      policy,
      inForce.join(",") || "-",
      String(pods),
      String(templates),
      String(owners),
      "",
    ]),
  ]);
  return [
    `${head}NAMESPACES`,
    ...lines.map((line, at) => `${line}${fitting(policies[at]?.namespaces ?? [], columns - line.length)}`),
  ];
};

/** As many names as there is room for, and how many more there are. */
const fitting = (names: readonly string[], room: number): string => {
  if (names.length === 0) return "-";
  for (let shown = names.length; shown > 0; shown -= 1) {
    const more = names.length - shown;
    const text = terminalText(`${names.slice(0, shown).join(",")}${more === 0 ? "" : ` and ${more} more`}`);
    if (text.length <= room) return text;
  }
  return String(names.length);
};

const detailsOf = (policy: string, findings: readonly AuditFinding[]): readonly string[] => {
  const own = findings.filter((finding) => finding.policy === policy);
  if (own.length === 0) return [];
  const shown = own.slice(0, MOST_SHOWN).map(({ namespace, owner, message, pods, templates, refuses, exempted }) => {
    const verdict = exempted !== undefined ? `exempted by ${exempted.by}` : refuses ? "refused" : "warning";
    const objects = [
      ...(pods > 0 ? [counted(pods, "pod")] : []),
      ...(templates > 0 ? [counted(templates, "template")] : []),
    ].join(", ");
    return terminalText(`  ${namespace} ${owner} (${objects}): ${verdict}: ${message.replace(`[${policy}] `, "")}`);
  });
  const more = own.length > MOST_SHOWN ? [`  and ${own.length - MOST_SHOWN} more; see --output json or html`] : [];
  return ["", `${policy}:`, ...shown, ...more];
};
