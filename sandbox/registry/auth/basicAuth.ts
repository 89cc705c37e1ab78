import {
  allows,
  basicCredentials,
  refusal,
  unauthorised,
  type Authenticator,
  type RefusalStatus,
} from "./authenticator.ts";
import { accessOf, type Permissions, type Users } from "./permissions.ts";

export interface BasicSettings {
  readonly type: "basic";
  readonly users: Users;
  /** What may be done without credentials; by default nothing. */
  readonly anonymous?: Permissions;
  /** How a known user is refused; 403 by default. */
  readonly refuseWith?: RefusalStatus;
}

const challenge = 'Basic realm="sandbox"';

/** `Authorization: Basic` at every request (RFC 7617). */
export function basicAuth({ users, anonymous, refuseWith = 403 }: BasicSettings): Authenticator {
  return {
    authorise: (authorization, action) => {
      if (authorization === undefined) {
        if (anonymous === undefined) return { refused: unauthorised(challenge) };
        const access = accessOf(anonymous);
        return action === undefined || allows(access, action) ? { access } : { refused: unauthorised(challenge) };
      }
      const credentials = basicCredentials(authorization);
      const user = credentials === undefined ? undefined : users[credentials.user];
      if (user === undefined || user.password !== credentials?.password) return { refused: unauthorised(challenge) };
      const access = accessOf(user);
      if (action === undefined || allows(access, action)) return { access };
      return { refused: refusal(refuseWith, action, challenge) };
    },
  };
}
