import type { Access } from "../api/request.ts";

/** Repositories by name, `team/*` for everything below `team`, `*` for all. */
export interface Permissions {
  readonly pull: readonly string[];
  readonly push?: readonly string[];
}

export interface User extends Permissions {
  readonly password: string;
  /** A refresh token that stands for the password at the token server (docker's `identitytoken`). */
  readonly identityToken?: string;
}

/** By user name. Read at each request, so a test may change it. */
export type Users = Readonly<Record<string, User>>;

const nobody: Permissions = { pull: [] };

/** Whoever may push may pull. */
export function accessOf({ pull, push = [] }: Permissions = nobody): Access {
  const canPush = (repository: string): boolean => push.some((pattern) => covers(pattern, repository));
  return {
    canPush,
    canPull: (repository) => canPush(repository) || pull.some((pattern) => covers(pattern, repository)),
  };
}

function covers(pattern: string, repository: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? repository.startsWith(pattern.slice(0, -1)) : pattern === repository;
}
