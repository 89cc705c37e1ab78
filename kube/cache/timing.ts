/** How patient a list-and-watch is. Milliseconds each. */
export interface ReflectorTiming {
  readonly backoffBase: number;
  readonly backoffLimit: number;
  /** A watch without an event or bookmark for so long is replaced. The API server sends bookmarks about every minute. */
  readonly stall: number;
  /** How long the API server is asked to keep one watch. */
  readonly watch: number;
  /** For one page of a list. */
  readonly page: number;
  /** Everything is listed anew this often, so that nothing lost stays lost. */
  readonly relist: number;
  /** Between looks for a type that was not there. */
  readonly absentRetry: number;
}

export const TIMING: ReflectorTiming = {
  backoffBase: 250,
  backoffLimit: 20_000,
  stall: 90_000,
  watch: 300_000,
  page: 60_000,
  relist: 3_600_000,
  absentRetry: 10_000,
};
