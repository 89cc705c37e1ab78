import { basicCredentials, unauthorised } from "./authenticator.ts";
import type { BearerAuth } from "./bearerAuth.ts";
import type { Permissions } from "./permissions.ts";
import { jsonReply, type Reply } from "../api/reply.ts";
import type { RegistryRequest } from "../api/request.ts";

/**
 * The token endpoint: GET with Basic credentials or none ("Token Authentication" of distribution's docs), or POST with
 * a password or refresh token (its "OAuth2 Token Authentication").
 */
export function giveToken(auth: BearerAuth, request: RegistryRequest): Reply {
  const parameters =
    request.method === "POST" ? new URLSearchParams(Buffer.from(request.body).toString()) : request.query;
  const caller = request.method === "POST" ? callerOfForm(auth, parameters) : callerOfHeader(auth, request);
  if (caller === "unknown") return unauthorised('Basic realm="sandbox tokens"');
  const { token, expiresIn } = auth.issue(caller.permissions, parameters.getAll("scope").join(" "));
  return jsonReply(200, {
    token,
    access_token: token,
    expires_in: expiresIn,
    issued_at: new Date().toISOString(),
    ...(caller.identityToken === undefined ? {} : { refresh_token: caller.identityToken }),
  });
}

type Caller = "unknown" | { readonly permissions: Permissions | undefined; readonly identityToken?: string };

function callerOfHeader({ settings }: BearerAuth, { headers }: RegistryRequest): Caller {
  if (headers["authorization"] === undefined) return { permissions: settings.anonymous };
  const credentials = basicCredentials(headers["authorization"]);
  const user = credentials === undefined ? undefined : settings.users[credentials.user];
  return user === undefined || user.password !== credentials?.password ? "unknown" : { permissions: user };
}

function callerOfForm({ settings }: BearerAuth, form: URLSearchParams): Caller {
  switch (form.get("grant_type") ?? "") {
    case "password": {
      const user = settings.users[form.get("username") ?? ""];
      if (user === undefined || user.password !== form.get("password")) return "unknown";
      const { identityToken } = user;
      return { permissions: user, ...(identityToken === undefined ? {} : { identityToken }) };
    }
    case "refresh_token": {
      const identityToken = form.get("refresh_token");
      const user = Object.values(settings.users).find((one) => one.identityToken === identityToken);
      return user === undefined || identityToken === null ? "unknown" : { permissions: user, identityToken };
    }
    default:
      return "unknown";
  }
}
