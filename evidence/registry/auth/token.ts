import { ANONYMOUS, type Credential, type CredentialSource } from "./credential.ts";
import type { Challenge } from "./challenge.ts";
import { type Endpoint, isMirrored } from "../endpoint.ts";
import { closed, type Failure, malformed, unavailable, type RegistryFlight } from "../failure.ts";
import { parseJson } from "../../../json/parse.ts";
import { mayHoldCredentials, parseRealm } from "./realm.ts";
import type { RegistryLimits } from "../settings.ts";
import type { RegistryResponse, RegistryRequest, Transport } from "../http/transport.ts";

export interface Token {
  readonly status: "token";
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
  /** The host of a token server that was asked without the credential, which it may not have. */
  readonly withheld?: string;
}

type Bearer = Extract<Challenge, { scheme: "bearer" }>;

/** The token specification's default, in seconds; a token is also given up some seconds early. */
const DEFAULT_LIFE = 60;
const LONGEST_LIFE = 3_600;
const MARGIN = 5_000;

/**
 * Access that is refused: to a credential or to who has none (a registry may say either of what does not exist), because its token server
 * (`withheld`) is none that may have the credential, or by whom redirects have led to (`elsewhere`).
 */
export function refused(
  endpoint: Endpoint,
  source: CredentialSource,
  { withheld, elsewhere }: { readonly withheld?: string | undefined; readonly elsewhere?: string | undefined } = {},
): Failure {
  const { registry, name } = endpoint;
  if (elsewhere !== undefined) return closed(`${elsewhere} refuses access to ${name}; ask whoever runs it`);
  if (withheld !== undefined) {
    const why = `the credential for it was withheld from the token server ${withheld}, which is on another domain`;
    const todo = `if it is right, start the operator with --token-realm ${registry}=https://${withheld}`;
    return closed(`${registry} refuses access to ${name}: ${why}; ${todo}`);
  }
  return unavailable(
    "unauthorised",
    source.id === ANONYMOUS.id
      ? `${registry} refuses access to ${name} without a credential, or does not have it, and no credential at hand is for it`
      : `${registry} refuses access to ${name}, or does not have it, with the credential at hand`,
  );
}

export const basicHeader = ({ username = "", password = "" }: Credential): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** What a token is for: reading, and for whoever publishes attestations writing as well. */
export type RepositoryActions = "pull" | "pull,push";

/** What a token is asked for: what the registry named, else pulling from this repository; a scope that only pulls is no use to who writes. */
const scopeOf = ({ scope }: Bearer, { repository }: Endpoint, actions: RepositoryActions): string =>
  scope === undefined ? `repository:${repository}:${actions}` : scope.replace(/:pull$/, `:${actions}`);

const tokenServer = (endpoint: Endpoint, { origin, host }: URL): string =>
  isMirrored(endpoint) || origin === endpoint.origin
    ? `the token server of ${endpoint.registry}`
    : `the token server ${host.slice(0, 260)} of ${endpoint.registry}`;

function question(
  challenge: Bearer,
  endpoint: Endpoint,
  realm: URL,
  credential: Credential | undefined,
  actions: RepositoryActions,
): Omit<RegistryRequest, "limit"> {
  const scope = scopeOf(challenge, endpoint, actions);
  const common = {
    registry: endpoint.registry,
    server: tokenServer(endpoint, realm),
    mirrored: isMirrored(endpoint),
    operation: "token",
    what: `the token that ${endpoint.registry} asks for`,
  } as const;
  if (credential?.identityToken !== undefined) {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: "image-security", scope });
    if (challenge.service !== undefined) form.set("service", challenge.service);
    form.set("refresh_token", credential.identityToken);
    const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
    return { ...common, method: "POST", url: realm, headers, body: form.toString(), follow: false };
  }
  const url = new URL(realm);
  if (challenge.service !== undefined) url.searchParams.set("service", challenge.service);
  url.searchParams.set("scope", scope);
  if (credential?.username !== undefined) url.searchParams.set("account", credential.username);
  const authorization = credential === undefined ? undefined : basicHeader(credential);
  return { ...common, method: "GET", url, headers: { accept: "application/json" }, authorization, follow: true };
}

/** Asks a token realm. The credential goes there only where design.md section 9 lets it; else the realm is asked without. */
export async function fetchToken(
  challenge: Bearer,
  endpoint: Endpoint,
  source: CredentialSource,
  credential: Credential | undefined,
  context: {
    readonly transport: Transport;
    readonly tokenRealms: ReadonlyMap<string, string>;
    readonly limits: RegistryLimits;
    readonly actions?: RepositoryActions;
  },
  flight: RegistryFlight,
): Promise<Token | Failure> {
  const { transport, tokenRealms, limits, actions = "pull" } = context;
  const realm = parseRealm(challenge.realm, endpoint, tokenRealms);
  if (realm === undefined) return malformed(`${endpoint.registry} names a token realm that may not be asked`);
  if (realm === "plainHttp") return closed(inClear(challenge.realm, endpoint));
  const carried = mayHoldCredentials(realm, endpoint, tokenRealms) ? credential : undefined;
  const withheld = credential === undefined || carried !== undefined ? undefined : realm.host;
  const answer = await transport.ask(
    { ...question(challenge, endpoint, realm, carried, actions), limit: limits.tokenBytes },
    flight,
  );
  if (answer.status !== "answered") return answer;
  // 400 is OAuth2's "invalid_grant": the refresh token is no longer good.
  if (answer.code !== 200 && answer.code !== 201)
    return refused(endpoint, source, { withheld, elsewhere: answer.elsewhere });
  const token = readToken(answer, tokenServer(endpoint, realm));
  return token.status !== "token" || withheld === undefined ? token : { ...token, withheld };
}

const inClear = (realm: string, { registry }: Endpoint): string => {
  const { host } = new URL(realm);
  const todo = `if it is right, start the operator with --token-realm ${registry}=http://${host}`;
  return `${registry} names the token server ${host}, which speaks plain HTTP; ${todo}`;
};

/** `server`: who answered, as messages name it. */
function readToken(answer: RegistryResponse, server: string): Token | Failure {
  // A page to log in, or worse: nothing that this credential could get in with, and nothing that is wrong with the image.
  const bad = closed(`${answer.elsewhere ?? server} did not answer with a token; ask whoever runs it`);
  const parsed = parseJson(answer.bytes);
  if (parsed.status !== "ok" || typeof parsed.value !== "object" || parsed.value === null) return bad;
  const fields: { token?: unknown; access_token?: unknown; expires_in?: unknown } = parsed.value;
  // The two are the same thing; who has one of them may write the other empty.
  const value = fields.token === "" ? fields.access_token : (fields.token ?? fields.access_token);
  // It becomes part of a header.
  if (typeof value !== "string" || !/^[\x21-\x7E]{1,65536}$/.test(value)) return bad;
  const life = typeof fields.expires_in === "number" && fields.expires_in > 0 ? fields.expires_in : DEFAULT_LIFE;
  return { status: "token", value, expires: Date.now() + Math.min(life, LONGEST_LIFE) * 1_000 - MARGIN };
}
