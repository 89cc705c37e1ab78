import { HUB } from "./host.ts";

/**
 * One part of a repository between slashes (github.com/distribution/reference): letters and digits, joined by `.`, `_`,
 * `__` or any number of `-`. Separators and letters share no character, so that matching takes linear time.
 */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;

/** undefined: well formed; else what is wrong, in words. */
export function pathFault(path: string): string | undefined {
  if (path === "") return "has no repository";
  for (const component of path.split("/")) {
    if (COMPONENT.test(component)) continue;
    if (component === "") return "has an empty part between slashes";
    if (/[A-Z]/.test(component)) return `has capital letters in its repository (${JSON.stringify(component)})`;
    return `${JSON.stringify(component)} is not a repository name`;
  }
  return undefined;
}

/** Docker Hub implies `library/` for a repository of one part. */
export function withLibrary(registry: string, path: string): string {
  return registry === HUB && !path.includes("/") ? `library/${path}` : path;
}

/**
 * How Docker Hub's own images are written mostly: `nginx` for `library/nginx` on Docker Hub; undefined for every other
 * image.
 */
export function withoutLibrary(registry: string, repository: string): string | undefined {
  if (registry !== HUB || !repository.startsWith("library/")) return undefined;
  const name = repository.slice("library/".length);
  return name.includes("/") ? undefined : name;
}
