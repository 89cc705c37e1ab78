import { compareText } from "../compareText.ts";
import { digestAdvice } from "../image/digestAdvice.ts";
import { parseReference } from "../image/reference.ts";
import type { Finding, Reason, RuleName } from "./finding.ts";
import { listed } from "./message.ts";

/** What people read in place of one finding, or of several that say the same. */
export interface Line {
  /** `[policy, another] container "c", image "i": Reason: detail`. */
  readonly text: string;
  /** The first of those that the line stands for. */
  readonly finding: Finding;
}

/** How many policies a line names. */
const MOST_POLICIES = 8;

/** What decides comes first: nobody needs the digest of an image whose registry is refused. */
const ORDER: Readonly<Record<RuleName, number>> = {
  reference: 0,
  registries: 1,
  digest: 2,
  signatures: 3,
  attestations: 4,
  scan: 5,
  baseImages: 6,
};

const WRONG_PLACE: ReadonlySet<Reason> = new Set(["RegistryNotAllowed", "RegistryDenied", "LookalikeRegistry"]);

/**
 * Findings as people read them: by container, a text that several policies say once, and nothing beside a line that has
 * said it. Findings themselves stay complete: metrics, Violations and JSON count every one of them.
 *
 * @param findings of one action; what an exception silenced is the caller's to leave out.
 * @param all that the reader sees, also those of other actions: a registry that one of them refuses needs no digest.
 */
export function linesOf(
  findings: readonly Finding[],
  all: readonly Finding[] = findings,
  mostPolicies: number = MOST_POLICIES,
): readonly Line[] {
  const tags = new Set(findings.filter(({ reason }) => reason === "DigestRequired").map(placeUnderPolicy));
  const refused = new Map(all.filter(({ reason }) => WRONG_PLACE.has(reason)).map(({ image }) => [image, ""]));
  // Once an image, of which a thousand findings may speak.
  for (const image of refused.keys()) refused.set(image, `; ${digestAdvice(parseReference(image))}`);
  const merged = new Map<string, { readonly finding: Finding; readonly policies: Set<string> }>();
  for (const finding of findings) {
    if (finding.reason === "TagNotPinned" && tags.has(placeUnderPolicy(finding))) continue;
    const text = textOf(finding, refused);
    const same = merged.get(text);
    if (same === undefined) merged.set(text, { finding, policies: new Set([finding.policy]) });
    else same.policies.add(finding.policy);
  }
  return [...merged]
    .map(([text, { finding, policies }]) => ({ text, finding, policies }))
    .toSorted((a, b) => byContainer(a.finding, b.finding) || compareText(a.text, b.text))
    .map(({ text, finding, policies }) => ({
      text: `[${listed([...policies].toSorted(), mostPolicies)}]${text}`,
      finding,
    }));
}

/** A line without its policy, and without advice that leads nowhere. */
function textOf({ policy, image, message }: Finding, refused: ReadonlyMap<string, string>): string {
  const text = message.startsWith(`[${policy}]`) ? message.slice(policy.length + 2) : ` ${message}`;
  const advice = refused.get(image);
  return advice === undefined ? text : text.replace(advice, "").replace(`; ${ADVICE_ON_DRIFT}`, "");
}

/** What to do about a tag that names something else now. */
export const ADVICE_ON_DRIFT = "deploy that digest or restore the tag";

function placeUnderPolicy({ policy, container, image }: Finding): string {
  return `${policy} ${container} ${image}`;
}

function byContainer(a: Finding, b: Finding): number {
  return (
    compareText(a.container, b.container) ||
    compareText(a.image, b.image) ||
    ORDER[a.rule] - ORDER[b.rule] ||
    compareText(a.reason, b.reason)
  );
}
