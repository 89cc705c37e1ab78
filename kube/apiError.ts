import { ApiException } from "@kubernetes/client-node";
import { asObject, asText } from "./object.ts";
import { messageOf } from "./kubeError.ts";

/** What a failed call of client-node says, in one line: its own text is the whole answer with all headers. */
export function apiMessageOf(error: unknown): string {
  if (!(error instanceof ApiException)) {
    const cause = error instanceof Error ? error.cause : undefined;
    return cause instanceof ApiException ? `${(error as Error).message}: ${apiMessageOf(cause)}` : messageOf(error);
  }
  const body: unknown = error.body;
  const message = asText(asObject(typeof body === "string" ? parsed(body) : body)["message"]);
  return message === "" ? `HTTP ${error.code}` : message;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's error page.
    return undefined;
  }
}
