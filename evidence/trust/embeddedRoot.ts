import { createRequire } from "node:module";

/** Sigstore's own TUF repository, which @sigstore/tuf carries a root and a first `trusted_root.json` for. */
export const PUBLIC_GOOD_MIRROR = "https://tuf-repo-cdn.sigstore.dev";

interface Seed {
  readonly "root.json": string;
  readonly targets: Readonly<Record<string, string>>;
}

// JSON of a package whose version and hash the lock file pins; @sigstore/tuf reads it the same way.
const seed = (): Seed | undefined =>
  (createRequire(import.meta.url)("@sigstore/tuf/seeds.json") as Readonly<Record<string, Seed>>)[PUBLIC_GOOD_MIRROR];

let text: string | undefined;

/** The TUF root from which trust in the public good instance begins. */
export const embeddedTufRoot = (): string => Buffer.from(seed()?.["root.json"] ?? "", "base64").toString("utf8");

/**
 * The public good instance's `trusted_root.json` as the pinned @sigstore/tuf package brings it: what is trusted where TUF
 * cannot be reached, in an air-gapped cluster above all.
 */
export const embeddedRoot = (): string => {
  text ??= Buffer.from(seed()?.targets["trusted_root.json"] ?? "", "base64").toString("utf8");
  return text;
};
