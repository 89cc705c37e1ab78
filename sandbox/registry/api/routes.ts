/** What a path of the distribution API asks for (OCI distribution-spec 1.1, "Endpoints"). */
export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "catalog" }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly session: string }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string }
  | { readonly kind: "badName"; readonly repository: string }
  | { readonly kind: "unknown" };

/** The part of a repository name between slashes, and a tag, as the specification spells them ("Pulling manifests"). */
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const repositoryForm = new RegExp(`^${component}(?:/${component})*$`);
const tagForm = /^\w[\w.-]{0,127}$/;

export function isTag(text: string): boolean {
  return tagForm.test(text);
}

/** Repository names may hold words like `manifests`, so the last one counts: the first group is greedy. */
const patterns: readonly (readonly [RegExp, (repository: string, rest: string) => Route])[] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/?$/, (repository) => ({ kind: "uploads", repository })],
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, (repository, session) => ({ kind: "upload", repository, session })],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, (repository, digest) => ({ kind: "blob", repository, digest })],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, (repository, reference) => ({ kind: "manifest", repository, reference })],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, (repository, digest) => ({ kind: "referrers", repository, digest })],
  [/^\/v2\/(.+)\/tags\/list$/, (repository) => ({ kind: "tags", repository })],
];

/** `path` is already percent-decoded. */
export function routeOf(path: string): Route {
  if (path === "/v2" || path === "/v2/") return { kind: "ping" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  for (const [pattern, make] of patterns) {
    const [, repository, rest = ""] = pattern.exec(path) ?? [];
    if (repository === undefined) continue;
    return repositoryForm.test(repository) ? make(repository, rest) : { kind: "badName", repository };
  }
  return { kind: "unknown" };
}
