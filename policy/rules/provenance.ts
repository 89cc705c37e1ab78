import type { ProvedStatement } from "../facts/facts.ts";
import { imageOfPackageUrl, parsePackageUrl } from "../image/packageUrl.ts";
import { field } from "../../json/fields.ts";

/** SLSA provenance, all versions that name their materials. */
export const PROVENANCE_PREDICATES: readonly string[] = [
  "https://slsa.dev/provenance/v1",
  "https://slsa.dev/provenance/v0.2",
  "https://slsa.dev/provenance/v0.1",
];

/** Provenance is asked for its images while evidence is gathered, and again when it is judged. */
const images = new WeakMap<ProvedStatement, readonly string[]>();

/** The images among the materials of proved SLSA provenance; read once. Sources and packages are left out. */
export function imagesInProvenance(proved: ProvedStatement): readonly string[] {
  const named = images.get(proved) ?? imagesIn(proved.predicate);
  images.set(proved, named);
  return named;
}

/** They are `buildDefinition.resolvedDependencies` in v1, `materials` before. */
function imagesIn(predicate: unknown): readonly string[] {
  const listed = field(field(predicate, "buildDefinition"), "resolvedDependencies") ?? field(predicate, "materials");
  return (Array.isArray(listed) ? listed : []).flatMap((material) => imageOf(material) ?? []);
}

function imageOf(material: unknown): string | undefined {
  const uri = field(material, "uri");
  if (typeof uri !== "string") return undefined;
  const scheme = /^(?:oci|docker|docker-image):\/\/(.+)$/.exec(uri)?.[1];
  const url = parsePackageUrl(uri);
  const name = scheme ?? (url === undefined ? undefined : imageOfPackageUrl(url));
  const hex = field(field(material, "digest"), "sha256");
  return name !== undefined && !name.includes("@") && typeof hex === "string" && hex !== ""
    ? `${name}@sha256:${hex}`
    : name;
}
