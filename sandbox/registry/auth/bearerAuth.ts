import { randomUUID } from "node:crypto";
import { allows, refusal, unauthorised, type Authenticator, type RefusalStatus } from "./authenticator.ts";
import { accessOf, type Permissions, type Users } from "./permissions.ts";
import type { Access } from "../api/request.ts";
import { parseScopes, scopeOf, type Scope } from "./scopes.ts";

export interface BearerSettings {
  readonly type: "bearer";
  readonly users: Users;
  /** What a token that was given without credentials allows; by default nothing. */
  readonly anonymous?: Permissions;
  /** The realm that challenges name, wherever it leads; by default the registry's own token endpoint. */
  readonly realm?: string;
  /** The token endpoint is `/token` of the registry itself, or of a server on another port. */
  readonly tokenServer?: "same" | "other";
  readonly service?: string;
  /** How long tokens live, and what `expires_in` says; 300 by default. */
  readonly lifetimeSeconds?: number;
  /** How a known user is refused; by default 401 with `insufficient_scope`, as registries with tokens do. */
  readonly refuseWith?: RefusalStatus;
}

interface Grant {
  readonly access: Access;
  readonly scopes: readonly Scope[];
  readonly expires: number;
}

/** The tokens that are out, and what each allows (distribution's docs, "Token Authentication"). */
export class BearerAuth implements Authenticator {
  readonly settings: BearerSettings;
  readonly #grants = new Map<string, Grant>();
  #realm: string;

  constructor(settings: BearerSettings) {
    this.settings = settings;
    this.#realm = settings.realm ?? "";
  }

  get service(): string {
    return this.settings.service ?? "sandbox-registry";
  }

  /** The token endpoint's address, known once its server listens; a realm from the settings stays. */
  setRealm(realm: string): void {
    this.#realm = this.settings.realm ?? realm;
  }

  /** A token for what of the scopes the holder may do: a token that allows nothing is a token all the same. */
  issue(holder: Permissions | undefined, scopes: string): { readonly token: string; readonly expiresIn: number } {
    const expiresIn = this.settings.lifetimeSeconds ?? 300;
    const token = randomUUID();
    const grant = { access: accessOf(holder), scopes: parseScopes(scopes), expires: Date.now() + expiresIn * 1000 };
    this.#grants.set(token, grant);
    return { token, expiresIn };
  }

  /** From now on no token that is out is taken, whatever its `expires_in` said. */
  expireTokens(): void {
    this.#grants.clear();
  }

  readonly authorise: Authenticator["authorise"] = (authorization, action) => {
    const scope = action === undefined ? undefined : scopeOf(action);
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    if (token === undefined) return { refused: unauthorised(this.#challenge(scope)) };
    const grant = this.#grants.get(token);
    if (grant === undefined || grant.expires <= Date.now()) {
      return { refused: unauthorised(this.#challenge(scope, "invalid_token")) };
    }
    const access = narrowed(grant);
    if (action === undefined || allows(access, action)) return { access };
    return { refused: refusal(this.settings.refuseWith ?? 401, action, this.#challenge(scope, "insufficient_scope")) };
  };

  #challenge(scope: string | undefined, error?: string): string {
    const parameters = { realm: this.#realm, service: this.service, scope, error };
    const written = Object.entries(parameters).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}="${value}"`],
    );
    return `Bearer ${written.join(",")}`;
  }
}

/** What the holder may do, as far as the token's scopes name it. */
function narrowed({ access, scopes }: Grant): Access {
  const names = (repository: string, verb: string): boolean =>
    scopes.some((scope) => scope.repository === repository && scope.verbs.includes(verb));
  return {
    canPull: (repository) => access.canPull(repository) && names(repository, "pull"),
    canPush: (repository) => access.canPush(repository) && names(repository, "push"),
  };
}
