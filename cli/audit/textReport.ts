import { table } from "../table.ts";
import { terminalText } from "../terminalText.ts";
import type { AuditFinding, AuditResult, PolicyRadius } from "./auditResult.ts";

/** Findings that are shown for one policy; the JSON and HTML reports have all of them. */
const MOST_SHOWN = 50;

/** What would be refused, policy by policy, in a table of this many columns. */
export const textReport = (result: AuditResult, columns: number): string => {
  const { cluster, pods, templates, namespaces, images, policies, findings } = result;
  const tags = images.filter(({ form }) => form === "tag").length;
  return [
    `${terminalText(cluster)}: ${pods} pods and ${templates} templates in ${namespaces} namespaces run ${images.length} images, ${tags} of them by a tag alone.`,
    "Refused if each were made anew and the policy denied:",
    "",
    ...table([["POLICY", "IN FORCE", "PODS", "TEMPLATES", "OWNERS", "NAMESPACES"], ...policies.map(rowOf)], columns),
    ...policies.flatMap(({ policy }) => detailsOf(policy, findings)),
    "",
  ].join("\n");
};

const rowOf = ({ policy, inForce, pods, templates, owners, namespaces }: PolicyRadius): readonly string[] => [
  policy,
  inForce.join(",") || "-",
  String(pods),
  String(templates),
  String(owners),
  namespaces.join(",") || "-",
];

const detailsOf = (policy: string, findings: readonly AuditFinding[]): readonly string[] => {
  const own = findings.filter((finding) => finding.policy === policy);
  if (own.length === 0) return [];
  const shown = own.slice(0, MOST_SHOWN).map(({ namespace, owner, message, pods, templates, refuses, exempted }) => {
    const verdict = exempted !== undefined ? `exempted by ${exempted.by}` : refuses ? "refused" : "warning";
    const objects = [counted(pods, "pod"), counted(templates, "template")].flat().join(", ");
    return terminalText(`  ${namespace} ${owner} (${objects}): ${verdict}: ${message.replace(`[${policy}] `, "")}`);
  });
  const more = own.length > MOST_SHOWN ? [`  and ${own.length - MOST_SHOWN} more; see --output json or html`] : [];
  return ["", `${policy}:`, ...shown, ...more];
};

const counted = (count: number, what: string): readonly string[] =>
  count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : "s"}`];
