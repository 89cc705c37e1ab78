import { asList, field, isObject } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";
import { isTrustRootType } from "./trustRoot.ts";

const PARTS = ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"] as const;

/**
 * One `trusted_root.json` out of several, one a line, as `gh attestation trusted-root` prints them: Sigstore's public
 * good instance and GitHub's own. Whatever one of them holds is trusted, as gh does. Any other text comes back as it
 * is.
 */
export function joinTrustRoots(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length < 2 || isObject(parseText(text))) return text;
  const roots = lines.map(parseText);
  if (!roots.every(isObject)) return text;
  const types = roots.map((root) => field(root, "mediaType"));
  // A line of another kind may not be passed over: its type is what the check then names.
  const odd = types.findIndex((type) => !isTrustRootType(type));
  return JSON.stringify({
    mediaType: types[Math.max(odd, 0)],
    ...Object.fromEntries(PARTS.map((part) => [part, roots.flatMap((root) => asList(field(root, part)) ?? [])])),
  });
}
