import { RefusedAddress } from "./dialer.ts";
import { CrowdedNames } from "./rememberedNames.ts";
import { type Failure, malformed, unavailable } from "../failure.ts";

const CODE = /^[A-Z0-9_]{1,64}$/;

/** The code of an error or of what caused it: undici and TLS nest them. */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (typeof error !== "object" || error === null || depth > 5) return undefined;
  if ("code" in error && typeof error.code === "string" && CODE.test(error.code)) return error.code;
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return codeOf(first, depth + 1) ?? ("cause" in error ? codeOf(error.cause, depth + 1) : undefined);
}

const isA = (kind: typeof RefusedAddress | typeof CrowdedNames, error: unknown, depth = 0): boolean =>
  error instanceof kind ||
  (depth < 5 && error instanceof Error && error.cause !== undefined && isA(kind, error.cause, depth + 1));

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);
/**
 * What is no HTTP answer: whatever undici's parser refuses, headers without end, and a status below 200 where none belongs (a SocketError
 * that says so). The parser's own code is undefined in undici 8, so the error's name counts; before the body it also calls a length that
 * cannot be a mismatch. An end in the middle is truncation.
 */
function isNoHttp(error: unknown, inBody: boolean, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  switch (error.name) {
    case "HTTPParserError":
      return !error.message.includes("EOF");
    case "HeadersOverflowError":
      return true;
    case "ResponseContentLengthMismatchError":
      return !inBody;
    case "SocketError":
      return /^bad (?:response|upgrade)$/.test(error.message);
    default:
      return isNoHttp(error.cause, inBody, depth + 1);
  }
}

const TLS =
  /^(?:ERR_(?:SSL|TLS)_|CERT_|CRL_|EPROTO$|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|ERROR_IN_CERT|INVALID_(?:CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_EXCEEDED)/;

const UNKNOWN_AUTHORITY =
  /^(?:DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(?:GET_ISSUER_CERT|VERIFY_LEAF)|INVALID_CA)/;

/** What is wrong with a TLS connection, and what to do about it: three things that people meet, and the rest. */
function tlsFault(code: string): string {
  if (UNKNOWN_AUTHORITY.test(code)) {
    return "has a certificate of an authority that is not trusted; name its CA in --registry-ca";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return "has a certificate for another name; correct the name or the certificate";
  if (code === "CERT_HAS_EXPIRED") return "has a certificate that has expired; renew it";
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return "does not speak TLS as it should; if it is plain HTTP on purpose, name it in --registry-plain-http";
  }
  return "could not be reached over a trusted TLS connection";
}

const UNREACHABLE = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Whether no connection could be made: the host is to blame, whatever it was asked. */
export const isUnreachable = (error: unknown): boolean =>
  !isA(RefusedAddress, error) && UNREACHABLE.has(codeOf(error) ?? "");

/**
 * What an exchange that threw means. Truncation, resets, TLS and time are `unavailable`; an answer that is no HTTP, headers
 * without end and refused addresses are `invalid` (design.md section 9).
 * `server`: who was asked for `registry`, as messages name it; what a refused name stands for is not to be
 * told, so that nothing but the registry is named there. `inBody`: it broke while the body was read.
 */
export function networkFailure(
  error: unknown,
  { registry, server }: { readonly registry: string; readonly server: string },
  inBody: boolean,
): Failure & { readonly retry: boolean } {
  if (isA(CrowdedNames, error)) {
    const message = `too many names are being looked up to find ${server}`;
    return { ...unavailable("overloaded", message), retry: false };
  }
  if (isA(RefusedAddress, error)) {
    const todo = "if it is right, start the operator with --allow-address";
    return {
      ...malformed(`${registry} is at, or sends us to, an address that is not asked for images; ${todo}`),
      retry: false,
    };
  }
  const code = codeOf(error) ?? "";
  if (TIMEOUTS.has(code)) {
    // Connecting has taken longer than it may: trying again at once would only take as long again.
    const retry = code !== "UND_ERR_CONNECT_TIMEOUT";
    return { ...unavailable("timeout", `${server} did not answer in time`), retry };
  }
  if (TLS.test(code)) {
    return { ...unavailable("tls", `${server} ${tlsFault(code)}`), retry: false };
  }
  if (isNoHttp(error, inBody)) {
    return { ...malformed(`${server} did not answer as an HTTP server does`), retry: false };
  }
  if (code === "ENOTFOUND") {
    const message = `${server} has no address that a name server knows; correct the name`;
    return { ...unavailable("network", message), advised: true, retry: false };
  }
  return { ...unavailable("network", `${server} could not be reached, or broke off`), retry: true };
}
