import { isDeepStrictEqual } from "node:util";
import { LRUCache } from "lru-cache";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { type Credential, type CredentialSource, CredentialUnreadable } from "./credential.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Failure, late, unavailable, type RegistryFlight, type Unavailable } from "../failure.ts";
import type { RegistryLimits } from "../settings.ts";
import { basicHeader, fetchToken, refused, type RepositoryActions, type Token } from "./token.ts";
import type { RegistryResponse, RegistryRequest, Transport } from "../http/transport.ts";

const MiB = 1024 * 1024;

interface Header {
  readonly status: "header";
  readonly value?: string | undefined;
  /** Not a kept token: when it is rejected, another would be as well. */
  readonly fresh: boolean;
  /** See `Token`. */
  readonly withheld?: string | undefined;
}

export interface AuthenticatorOptions {
  readonly transport: Transport;
  readonly tokenRealms: ReadonlyMap<string, string>;
  readonly limits: RegistryLimits;
  /** What tokens are asked for; "pull" by default. */
  readonly actions?: RepositoryActions;
}

/**
 * Asks a registry as it wants to be asked: learns its challenge, fetches and keeps tokens, renews one that is no longer taken.
 * Tokens are kept for each origin, repository and credential.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  // Registries choose how long their challenges and tokens are: bounded by bytes.
  readonly #challenges = new LRUCache<string, Challenge>({
    maxSize: 4 * MiB,
    sizeCalculation: (challenge, key) => JSON.stringify(challenge).length + key.length + 200,
  });
  readonly #tokens = new LRUCache<string, Token>({
    maxSize: 16 * MiB,
    sizeCalculation: ({ value }, key) => value.length + key.length + 200,
  });
  readonly #flights = new SingleFlight<Token | Failure, Unavailable>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** 401 and 403 become `unavailable` (unauthorised); every other status is the caller's to read. */
  async ask(
    question: Omit<RegistryRequest, "authorization">,
    endpoint: Endpoint,
    source: CredentialSource,
    flight: RegistryFlight,
  ): Promise<RegistryResponse | Failure> {
    const place = `${endpoint.origin}|${endpoint.repository}`;
    let challenge = this.#challenges.get(place);
    let header: Header = { status: "header", fresh: false };
    let elsewhere: string | undefined;
    // Without a token, with a kept one that may have expired, and with a new one.
    for (let round = 0; round < 3; round += 1) {
      if (challenge !== undefined) {
        const next: Header | Failure = await this.#header(challenge, endpoint, source, header.value, flight);
        if (next.status !== "header") return next;
        if (round > 0 && (next.value === undefined || next.value === header.value)) break;
        header = next;
      }
      const answer = await this.#options.transport.ask({ ...question, authorization: header.value }, flight);
      if (answer.status !== "answered") return answer;
      if (answer.code !== 401 && answer.code !== 403) return answer;
      elsewhere = answer.elsewhere;
      const asked = preferred(parseChallenges(answer.headers["www-authenticate"])) ?? challenge;
      const changed = !isDeepStrictEqual(asked, challenge);
      // A new token that is rejected stays rejected, unless the registry now wants to be asked in another way.
      if (asked === undefined || (header.fresh && !changed)) break;
      if (answer.code === 403 && header.value === undefined && !changed) break;
      challenge = asked;
      this.#challenges.set(place, challenge);
    }
    return refused(endpoint, source, { withheld: header.withheld, elsewhere });
  }

  async #header(
    challenge: Challenge,
    endpoint: Endpoint,
    source: CredentialSource,
    rejected: string | undefined,
    flight: RegistryFlight,
  ): Promise<Header | Failure> {
    const key = JSON.stringify([endpoint.origin, endpoint.repository, challenge, source.id]);
    const kept = this.#tokens.get(key);
    if (kept !== undefined && kept.expires > Date.now() && `Bearer ${kept.value}` !== rejected) {
      return { status: "header", value: `Bearer ${kept.value}`, fresh: false, withheld: kept.withheld };
    }
    const credential = await credentialOf(source, endpoint, flight);
    if (credential !== undefined && "status" in credential) return credential;
    if (challenge.scheme === "basic") {
      return {
        status: "header",
        value: credential?.username === undefined ? undefined : basicHeader(credential),
        fresh: true,
      };
    }
    if (credential?.registryToken !== undefined)
      return { status: "header", value: `Bearer ${credential.registryToken}`, fresh: true };
    const gaveUp = (dying: RegistryFlight): Failure =>
      dying.last ?? late(`the token server of ${endpoint.registry} did not answer in time`);
    const token = await this.#flights.run(
      key,
      flight.signal,
      async (shared) => fetchToken(challenge, endpoint, source, credential, this.#options, shared),
      gaveUp,
    );
    if (token.status !== "token") return token;
    this.#tokens.set(key, token);
    return { status: "header", value: `Bearer ${token.value}`, fresh: true, withheld: token.withheld };
  }
}

/** Bearer where the registry offers both: it limits what is shown to the registry. */
const preferred = (challenges: readonly Challenge[]): Challenge | undefined =>
  challenges.find(({ scheme }) => scheme === "bearer") ?? challenges[0];

async function credentialOf(
  source: CredentialSource,
  endpoint: Endpoint,
  flight: RegistryFlight,
): Promise<Credential | Failure | undefined> {
  try {
    return await source.get(flight.signal);
  } catch (error) {
    const what = `the credentials for ${endpoint.registry} could not be`;
    if (flight.signal.aborted) return late(`${what} had in time`);
    if (!(error instanceof CredentialUnreadable)) return unavailable("unauthorised", `${what} read`);
    return unavailable(error.code === "outage" ? "cluster" : "overloaded", `${what} read`);
  }
}
