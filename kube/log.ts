/**
 * What every part logs through: the part of a winston logger that is used.
 * Fields are facts beside the message: never a Secret's content, a token or a whole object.
 */
export interface Log {
  readonly error: (message: string, fields?: Fields) => unknown;
  readonly warn: (message: string, fields?: Fields) => unknown;
  readonly info: (message: string, fields?: Fields) => unknown;
  readonly debug: (message: string, fields?: Fields) => unknown;
  /** Asked first on hot paths: a line below the level still costs 2 us. */
  readonly isLevelEnabled: (level: string) => boolean;
}

/** No field is called `message`: winston would put it behind the line's own, with nothing between the two. */
interface Fields {
  readonly [name: string]: unknown;
  readonly message?: never;
}

/** For tests, and for parts that run without a log. */
export const SILENT: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  isLevelEnabled: () => false,
};
