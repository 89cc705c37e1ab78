import { PackageURL } from "packageurl-js";
import { field } from "../../json/fields.ts";

/** undefined: not a package URL. */
export function parsePackageUrl(text: string): PackageURL | undefined {
  if (!text.startsWith("pkg:")) return undefined;
  try {
    return PackageURL.fromString(text);
  } catch {
    return undefined;
  }
}

/**
 * Type, namespace and name agree, the version where `said` gives one, and the qualifiers that both give: another
 * architecture's or distribution's package is another one. Tools give different qualifiers, so one that only one of
 * them has does not count, nor does the subpath.
 */
export function samePackage(said: PackageURL, other: PackageURL): boolean {
  return (
    said.type === other.type &&
    (said.namespace ?? "") === (other.namespace ?? "") &&
    said.name === other.name &&
    (said.version === undefined || said.version === other.version) &&
    Object.entries(said.qualifiers ?? {}).every(([name, value]) => {
      const others = field(other.qualifiers, name);
      return others === undefined || others === value;
    })
  );
}

/**
 * The image reference behind a `pkg:docker` or `pkg:oci` URL (purl-spec, types docker and oci): their version is a tag
 * or a digest, and `repository_url`, `tag` and `digest` are qualifiers. BuildKit writes its materials this way.
 * @returns undefined where the URL is no image.
 */
export function imageOfPackageUrl(url: PackageURL): string | undefined {
  const { type, namespace, name, version } = url;
  const qualifiers = url.qualifiers ?? {};
  const path = [namespace, name].filter((part) => part !== undefined && part !== "").join("/");
  const repository =
    type === "oci"
      ? (qualifiers["repository_url"] ?? path)
      : type === "docker"
        ? [qualifiers["repository_url"], path].filter(Boolean).join("/")
        : undefined;
  if (repository === undefined || repository === "") return undefined;
  const tag = qualifiers["tag"] ?? (isDigest(version) ? undefined : version);
  const digest = isDigest(version) ? version : isDigest(qualifiers["digest"]) ? qualifiers["digest"] : undefined;
  return `${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function isDigest(text: string | undefined): text is string {
  return text !== undefined && /^sha(256|512):/.test(text);
}
