import type { Action } from "./authenticator.ts";

/** `repository:<name>:<verb>,<verb>` (distribution's docs, "Token Scope Documentation"). */
export interface Scope {
  readonly repository: string;
  readonly verbs: readonly string[];
}

export function scopeOf({ repository, verb }: Action): string {
  return `repository:${repository}:${verb === "pull" ? "pull" : "pull,push"}`;
}

/** Scopes separated by spaces; what is no repository scope is left out. */
export function parseScopes(text: string): readonly Scope[] {
  return text.split(/\s+/).flatMap((scope) => {
    const [, repository, verbs = ""] = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope) ?? [];
    if (repository === undefined) return [];
    return [{ repository, verbs: verbs === "*" ? ["pull", "push"] : verbs.split(",") }];
  });
}
