import { errorReply, type ErrorCode } from "../api/errors.ts";
import type { Content } from "../images.ts";
import type { Misbehaviour } from "./rules.ts";
import { bytesReply, emptyReply, withBody, withHeader } from "../api/reply.ts";
import type { RegistryRequest } from "../api/request.ts";

/** These bytes, under the headers of the right answer: its digest and type, whatever the bytes hash to. */
export function otherBytes(bytes: Uint8Array | string): Misbehaviour {
  return async (_, answer) => withBody(await answer(), Buffer.from(bytes));
}

/** Another manifest with its own type, digest and size, as if the tag had named it. With HEAD alone: HEAD unlike GET. */
export function anotherManifest({ bytes, mediaType, digest }: Content): Misbehaviour {
  return () => bytesReply(200, bytes, { "content-type": mediaType, "docker-content-digest": digest });
}

/** One after the other, and again from the first: answers that change each time. */
export function inTurn(...each: readonly [Misbehaviour, ...Misbehaviour[]]): Misbehaviour {
  return (request, answer, nth) => (each[nth % each.length] ?? each[0])(request, answer, nth);
}

/** The right answer with a header of this value; undefined leaves it out. */
export function header(name: string, value: string | undefined): Misbehaviour {
  return async (_, answer) => withHeader(await answer(), name.toLowerCase(), value);
}

export function contentType(value: string | undefined): Misbehaviour {
  return header("content-type", value);
}

/** `Docker-Content-Digest`. */
export function contentDigest(value: string | undefined): Misbehaviour {
  return header("docker-content-digest", value);
}

const codes: Readonly<Record<number, ErrorCode>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  429: "TOOMANYREQUESTS",
};

/** An error with this status instead of the answer: `status(429, {"retry-after": "1"})`, `status(503)`. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Misbehaviour {
  return () => {
    const reply = errorReply(codes[code] ?? "UNSUPPORTED", "the sandbox was told to answer so", code);
    return { ...reply, headers: { ...reply.headers, ...headers } };
  };
}

/** 401 with this challenge: `challenge('Bearer realm="http://169.254.169.254/"')`. */
export function challenge(wwwAuthenticate: string): Misbehaviour {
  return status(401, { "www-authenticate": wwwAuthenticate });
}

/** To an address, or to a path of this registry. `to` may depend on the request. */
export function redirect(to: string | ((request: RegistryRequest, nth: number) => string), code = 307): Misbehaviour {
  return (request, _, nth) => emptyReply(code, { location: typeof to === "string" ? to : to(request, nth) });
}

/** To itself, for ever. */
export function redirectLoop(): Misbehaviour {
  return redirect(({ path }) => path);
}

/** On and on, each time to another address that this registry answers the same way. */
export function redirectChain(): Misbehaviour {
  return redirect(({ path }, nth) => `${path}?hop=${nth + 1}`);
}

/** The right list, with the next page at this address. */
export function nextPageAt(url: string): Misbehaviour {
  return header("link", `<${url}>; rel="next"`);
}
