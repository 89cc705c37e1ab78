import { fieldsOf, textOf } from "../json/fields.ts";
import { refusalOf, type Refusal } from "./refusal.ts";

/**
 * `network`: no answer (refused, reset, name not found, TLS). `timeout`: none in time. `malformed`: an answer that is no JSON.
 * `tooLarge`: one of more bytes than were to be read. `status`: the API server said no; `status` and `reason` are its own.
 */
export type KubeErrorCode = "network" | "timeout" | "malformed" | "tooLarge" | "status";

/** Talking to the API server failed. */
export class KubeError extends Error {
  readonly code: KubeErrorCode;
  /** HTTP status, or the one in a watch's ERROR event; 0 where there was no answer. */
  readonly status: number;
  /** The API server's own word, such as `Expired` or `Forbidden`. */
  readonly reason: string;
  /** The API server's own sentence, without what was asked; the message where it said none. */
  readonly told: string;
  /** Set where the same write is refused however often it is sent. */
  readonly refusal: Refusal | undefined;

  constructor(
    code: KubeErrorCode,
    message: string,
    status = 0,
    reason = "",
    cause?: unknown,
    told: string = message,
    refusal?: Refusal,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KubeError";
    this.code = code;
    this.status = status;
    this.reason = reason;
    this.told = told;
    this.refusal = refusal;
  }
}

/**
 * Whether a failure is about the API server and not about what was asked of it: it is not there, has too much to do (429), or fails at
 * whatever it is asked (an etcd without space is a 500 for every write).
 */
export const isOfServer = (error: unknown): boolean =>
  error instanceof KubeError &&
  (error.code === "status" ? error.status === 429 || error.status >= 500 : error.code !== "tooLarge");

/** The error that a Status object stands for. */
export function statusError(
  method: string,
  path: string,
  response: { readonly status: number; readonly body: unknown },
): KubeError {
  const { status, body } = response;
  const said = fieldsOf(body);
  const told = textOf(said["message"]) || `HTTP ${status}`;
  const reason = textOf(said["reason"]);
  return new KubeError("status", `${method} ${path}: ${told}`, status, reason, undefined, told, refusalOf(response));
}

/** The text of anything that was thrown. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return error.message.endsWith(cause) ? error.message : `${error.message}${cause}`;
};
