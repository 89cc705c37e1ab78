/** What a flag's text turned out to be; `message` says what is wrong and what to write. */
export type Parsed<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "invalid"; readonly message: string };

/** One setting: `--flag`, `IMAGE_SECURITY_FLAG`, its default and its meaning. */
export interface Option<T> {
  /** Without the dashes, such as `audit-interval`. */
  readonly flag: string;
  /** What stands for the value in the help, such as `DURATION`; absent for switches, which need none. */
  readonly placeholder?: string;
  readonly description: string;
  /** As it would be written; for the help. */
  readonly shown: string;
  readonly fallback: T;
  /** Given more than once; in the environment separated by commas. */
  readonly repeatable: boolean;
  readonly parse: (texts: readonly string[]) => Parsed<T>;
}

export const environmentName = (flag: string): string => `IMAGE_SECURITY_${flag.toUpperCase().replaceAll("-", "_")}`;

export const ok = <T>(value: T): Parsed<T> => ({ status: "ok", value });
export const invalid = (message: string): Parsed<never> => ({ status: "invalid", message });
