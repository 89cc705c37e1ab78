/** There is no compiled policy set yet: answered by an HTTP 503, which the API server retries after `Retry-After`. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";

  constructor() {
    super("the policies are not loaded yet");
  }
}
