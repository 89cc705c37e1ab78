import type { ParsedReference, Reference } from "./reference.ts";

/** How an image is written by its digest, where all that is known is its text. */
export function digestAdvice(parsed: ParsedReference): string {
  if (parsed.status === "ok") return adviceFor(parsed.reference);
  return `write ${"reference" in parsed ? parsed.reference.name : "registry/repository"}@sha256:<64 hex>`;
}

function adviceFor({ name, digest, original }: Reference): string {
  return digest === undefined ? `write ${name}@sha256:... (crane digest ${original})` : `write ${name}@${digest}`;
}
