/**
 * Why a key could not be had. `unavailable`: network, service, time or permission, which may change by itself. `unusable`:
 * the service answered, and there is no such key or none that may be used; whoever wrote the policy has to change something.
 */
export class KmsError extends Error {
  override readonly name = "KmsError";
  readonly code: "unavailable" | "unusable";

  constructor(code: "unavailable" | "unusable", message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

/** What an HTTP status of a key service means. */
export const statusError = (status: number): KmsError =>
  status === 404 || status === 410
    ? new KmsError("unusable", "there is no such key")
    : new KmsError(
        "unavailable",
        status === 401 || status === 403 ? "access to the key was refused" : `the key service answered ${status}`,
      );
