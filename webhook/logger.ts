/** The part of a winston logger that admission uses. */
export interface AdmissionLogger {
  /** Asked first on the hot path: a winston line below its level still costs 2 us. */
  readonly isLevelEnabled: (level: string) => boolean;
  readonly error: (message: string, fields?: object) => unknown;
  readonly warn: (message: string, fields?: object) => unknown;
  readonly info: (message: string, fields?: object) => unknown;
  readonly debug: (message: string, fields?: object) => unknown;
}
