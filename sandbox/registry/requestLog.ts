/** A request as it arrived. */
export interface LoggedRequest {
  readonly server: "registry" | "token";
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** The sandbox runs for days: only the newest are kept. */
const kept = 50_000;

/** Every request that arrived, the refused ones too: tests look here for credentials and for requests too many. */
export class RequestLog {
  readonly requests: LoggedRequest[] = [];

  add(request: LoggedRequest): void {
    this.requests.push(request);
    if (this.requests.length > kept) this.requests.splice(0, kept / 10);
  }
}
