import type { IncomingMessage, ServerResponse } from "node:http";
import { noAuth, type Action, type Authenticator } from "./auth/authenticator.ts";
import { basicAuth, type BasicSettings } from "./auth/basicAuth.ts";
import { BearerAuth, type BearerSettings } from "./auth/bearerAuth.ts";
import { answer, type ApiSettings } from "./api/endpoints.ts";
import { errorReply } from "./api/errors.ts";
import { listen, type Listener, type TlsFiles } from "./listener.ts";
import { Rules, type Rule } from "./misbehaviour/rules.ts";
import { send, type Reply } from "./api/reply.ts";
import { fullAccess, headersOf, readBody, type RegistryRequest } from "./api/request.ts";
import { RequestLog, type LoggedRequest } from "./requestLog.ts";
import { routeOf, type Route } from "./api/routes.ts";
import { Store } from "./store.ts";
import { giveToken } from "./auth/tokens.ts";
import { Uploads } from "./api/uploads.ts";

export interface RegistryOptions extends ApiSettings {
  /** Any free port by default. */
  readonly port?: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** HTTPS with this certificate; plain HTTP without. */
  readonly tls?: TlsFiles;
  /** Everybody may do everything by default. */
  readonly auth?: BasicSettings | BearerSettings;
  readonly misbehave?: readonly Rule[];
  /** Content to start with; shared with whoever else holds it. */
  readonly store?: Store;
}

/** A registry that runs. */
export interface SandboxRegistry {
  /** `http://127.0.0.1:5001`. */
  readonly url: string;
  /** `127.0.0.1:5001`. */
  readonly host: string;
  /** Where tokens are given, with `auth.type: bearer`. */
  readonly tokenUrl: string | undefined;
  readonly store: Store;
  /** Every request since the start, oldest first; those to the token server too. */
  readonly requests: readonly LoggedRequest[];
  readonly forgetRequests: () => void;
  /** Puts a rule in force; the function that is returned takes it back. */
  readonly misbehave: (rule: Rule) => () => void;
  /** No token that is out is taken any more. */
  readonly expireTokens: () => void;
  /** Ends the servers and every connection; may be called again. */
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Distribution-spec 1.1 asks for at least 4 MB ("Pushing Manifests"). */
const maxManifest = 4 * 1024 * 1024;
const maxBlob = 1024 * 1024 * 1024;

/**
 * An OCI registry in memory: the whole distribution specification 1.1 for the sandbox, and every fault that a client
 * must survive for the tests. Rejects when the port is taken.
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<SandboxRegistry> {
  const { port = 0, host = "127.0.0.1", tls, auth: authSettings, store = new Store() } = options;
  const uploads = new Uploads(store);
  const log = new RequestLog();
  const rules = new Rules();
  for (const rule of options.misbehave ?? []) rules.add(rule);
  const bearer = authSettings?.type === "bearer" ? new BearerAuth(authSettings) : undefined;
  const auth: Authenticator = bearer ?? (authSettings?.type === "basic" ? basicAuth(authSettings) : noAuth);

  const handler =
    (server: LoggedRequest["server"]) =>
    (message: IncomingMessage, response: ServerResponse): void => {
      void respond(message, response, server).catch((error: unknown) => {
        // The client went away in the middle, or an endpoint has a bug: the client sees a broken connection.
        response.destroy(error instanceof Error ? error : undefined);
      });
    };

  async function respond(
    message: IncomingMessage,
    response: ServerResponse,
    server: LoggedRequest["server"],
  ): Promise<void> {
    const { method = "GET", url: target = "/" } = message;
    const headers = headersOf(message);
    log.add({ server, method, target, headers });
    const url = parseTarget(target);
    const route: Route | { readonly kind: "token" } =
      bearer !== undefined && url.path === "/token" ? { kind: "token" } : routeOf(url.path);
    const body = await readBody(message, route.kind === "manifest" ? maxManifest : maxBlob);
    const request = { method, ...url, headers, body: body ?? new Uint8Array(), access: fullAccess };
    const reply = await rules.apply(request, target, route.kind, true, async () => {
      if (body === undefined) return errorReply("SIZE_INVALID", "too large", 413);
      if (route.kind === "token") {
        return rules.apply(request, target, "token", false, async () => tokenReply(request));
      }
      return apiReply(route, request, target);
    });
    await send(response, withApiVersion(reply), method === "HEAD");
  }

  async function apiReply(route: Route, request: RegistryRequest, target: string): Promise<Reply> {
    const authorisation = auth.authorise(request.headers["authorization"], actionOf(route, request.method));
    if ("refused" in authorisation) return authorisation.refused;
    const authorised = { ...request, access: authorisation.access };
    return rules.apply(authorised, target, route.kind, false, async () =>
      answer(store, uploads, options, route, authorised),
    );
  }

  function tokenReply(request: RegistryRequest): Reply {
    return bearer === undefined ? errorReply("UNSUPPORTED", "no tokens here", 404) : giveToken(bearer, request);
  }

  const listeners: Listener[] = [];
  const main = await listen(handler("registry"), host, port, tls);
  listeners.push(main);
  let tokenUrl: string | undefined;
  if (bearer !== undefined) {
    if (bearer.settings.tokenServer === "other") listeners.push(await listen(handler("token"), host, 0, tls));
    tokenUrl = `${(listeners.at(-1) ?? main).url}/token`;
    bearer.setRealm(tokenUrl);
  }

  const close = async (): Promise<void> => {
    await Promise.all(listeners.splice(0).map((listener) => listener.close()));
  };
  return {
    url: main.url,
    host: main.host,
    tokenUrl,
    store,
    requests: log.requests,
    forgetRequests: () => void log.requests.splice(0),
    misbehave: (rule) => rules.add(rule),
    expireTokens: () => bearer?.expireTokens(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function parseTarget(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const question = target.indexOf("?");
  const path = question < 0 ? target : target.slice(0, question);
  const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  try {
    return { path: decodeURIComponent(path), query };
  } catch {
    return { path, query };
  }
}

function actionOf(route: Route, method: string): Action | undefined {
  if (!("repository" in route)) return undefined;
  return { repository: route.repository, verb: method === "GET" || method === "HEAD" ? "pull" : "push" };
}

/** Docker's client wants it ("Legacy Docker support HTTP headers"). */
function withApiVersion(reply: Reply): Reply {
  return { ...reply, headers: { "docker-distribution-api-version": "registry/2.0", ...reply.headers } };
}
