import { createHash } from "node:crypto";
import { platformChildren } from "./manifestFacts.ts";
import type { Manifest } from "../registry/repository.ts";

/**
 * Whether a manifest is the image that `digest` names: the manifest itself, by whichever algorithm, or one of its platform
 * children. Runtimes report either (design.md section 9), and people pin either.
 */
export function isImage(manifest: Manifest, digest: string): boolean {
  if (manifest.digest === digest) return true;
  if (digest.startsWith("sha512:") !== manifest.digest.startsWith("sha512:")) {
    const algorithm = digest.startsWith("sha512:") ? "sha512" : "sha256";
    if (`${algorithm}:${createHash(algorithm).update(manifest.bytes).digest("hex")}` === digest) return true;
  }
  return platformChildren(manifest).some((child) => child.digest === digest);
}
