import type { Reason } from "./finding.ts";
import type { ImageUse } from "../subject/subject.ts";

/** An image in a message is cut here: the API server gives an answer no more room than it needs. */
const MAX_IMAGE = 300;
/** What a rule found; it may quote reports, labels and signatures. */
const MAX_DETAIL = 2_000;

/** The line that users read: `[policy] container "c", image "i": Reason: detail`. */
export function message(policy: string, { container, field, image }: ImageUse, reason: Reason, detail: string): string {
  const place = field === "volumes" ? "volume" : "container";
  return `[${policy}] ${place} "${shown(container)}", image "${shown(image)}": ${reason}: ${oneLine(detail)}`;
}

/**
 * What every message of a policy that is not Ready ends with, and none of others: whoever reads it learns that the
 * policy is not as it was meant, pins nothing, and lacks keys.
 */
export function notReady({ name, faults }: { readonly name: string; readonly faults: readonly unknown[] }): string {
  return faults.length === 0 ? "" : ` (the policy is not Ready: kubectl get isp ${name} -o wide)`;
}

/** Text of a stranger on one line, with nothing that hides or reorders what stands around it. */
export function shown(text: string): string {
  const cut = text.length > MAX_IMAGE ? `${text.slice(0, MAX_IMAGE)}...` : text;
  // Letters of any script stay; control, format (bidi) and other invisible characters become escapes.
  return /^[\x20-\x7e]*$/.test(cut) && !cut.includes('"') && !cut.includes("\\")
    ? cut
    : cut.replaceAll(/["\\]|[^\P{C}]|[^\P{Z} ]/gu, (character) =>
        character === '"' || character === "\\"
          ? `\\${character}`
          : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
      );
}

/** Digests cut to 12 digits, which still tell one from another: a whole one takes a line by itself. */
export function shortDigests(text: string): string {
  return text.replace(LONG_DIGEST, "$1...");
}

const LONG_DIGEST = /(sha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,116}/g;

/** A list of patterns or names, cut after `most`. */
export function listed(items: readonly string[], most = 8, separator = ", "): string {
  const rest = items.length - most;
  return rest > 0 ? `${items.slice(0, most).join(separator)} and ${rest} more` : items.join(separator);
}

/** Our own words with a stranger's among them: on one line, with nothing invisible. */
function oneLine(text: string): string {
  const cut = text.length > MAX_DETAIL ? `${text.slice(0, MAX_DETAIL)}...` : text;
  return /^[\x20-\x7e]*$/.test(cut)
    ? cut
    : cut.replaceAll(/[^\P{C}]|[^\P{Z} ]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
