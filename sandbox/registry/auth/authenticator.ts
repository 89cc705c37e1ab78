import { errorReply } from "../api/errors.ts";
import type { Reply } from "../api/reply.ts";
import { fullAccess, type Access } from "../api/request.ts";

/** What a request is about to do to a repository. */
export interface Action {
  readonly repository: string;
  readonly verb: "pull" | "push";
}

export type Authorisation = { readonly access: Access } | { readonly refused: Reply };

/** Says what the holder of an `Authorization` header may do, or how it is refused. Requests like the ping have no action. */
export interface Authenticator {
  readonly authorise: (authorization: string | undefined, action: Action | undefined) => Authorisation;
}

/** Everybody may do everything. */
export const noAuth: Authenticator = { authorise: () => ({ access: fullAccess }) };

/** How a known caller is refused a repository that it may not use: real registries do each of these. */
export type RefusalStatus = 401 | 403 | 404;

export function allows(access: Access, { repository, verb }: Action): boolean {
  return verb === "pull" ? access.canPull(repository) : access.canPush(repository);
}

/** 401 with a challenge, 403, or a 404 that does not say whether the repository is there. */
export function refusal(status: RefusalStatus, { repository }: Action, challenge: string): Reply {
  switch (status) {
    case 401:
      return unauthorised(challenge);
    case 403:
      return errorReply("DENIED", `${repository} is not yours`);
    case 404:
      return errorReply("NAME_UNKNOWN", `there is no repository ${repository}`);
  }
}

export function unauthorised(challenge: string): Reply {
  const reply = errorReply("UNAUTHORIZED", "authentication required");
  return { ...reply, headers: { ...reply.headers, "www-authenticate": challenge } };
}

/** The user name and password of an `Authorization: Basic` header. */
export function basicCredentials(header: string | undefined): { user: string; password: string } | undefined {
  const [, encoded] = /^Basic +(\S+)$/i.exec(header ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
