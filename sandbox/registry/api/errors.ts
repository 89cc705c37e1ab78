import { jsonReply, type Reply } from "./reply.ts";

/** The error codes of the OCI distribution specification 1.1 ("Error Codes") and the status each comes with. */
const statusOf = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
} as const;

export type ErrorCode = keyof typeof statusOf;

/** An error answer in the form that the specification fixes; `status` only where a code has more than one. */
export function errorReply(code: ErrorCode, message: string, status: number = statusOf[code]): Reply {
  return jsonReply(status, { errors: [{ code, message }] });
}
