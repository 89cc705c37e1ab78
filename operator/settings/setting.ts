import { Option } from "commander";

/** What a setting's text turned out to be; `message` says what is wrong and what to write. */
export type Parsed<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "invalid"; readonly message: string };

/** A text that means a value. */
export function ok<T>(value: T): Parsed<T> {
  return { status: "ok", value };
}

/** A text that means none. */
export function invalid(message: string): Parsed<never> {
  return { status: "invalid", message };
}

/** What every kind of setting has. */
export interface SettingOf<T> {
  readonly description: string;
  readonly fallback: T;
}

interface Kind<T> extends SettingOf<T> {
  /** The default as it would be written; for the help. */
  readonly shown: string;
  /** Whether it may be given more than once; in the environment separated by commas. */
  readonly repeatable: boolean;
  /** What the flag means alone; absent where it needs a value. */
  readonly alone?: string;
  readonly parse: (texts: readonly string[]) => Parsed<T>;
}

/** What stands for the value of a flag that has none. No argument can hold it. */
const NO_VALUE = "\0";

/**
 * One setting: a flag of commander's with `IMAGE_SECURITY_FLAG`, default and meaning, that gives a `T`. Commander
 * only gathers the texts: its parsers end the command at the first mistake, and all are to be told at once.
 */
export class Setting<T> extends Option {
  readonly fallback: T;
  readonly shown: string;
  readonly repeatable: boolean;
  readonly #alone: string;
  readonly #parse: (texts: readonly string[]) => Parsed<T>;

  /** `flags` as commander takes them, such as `--audit-interval <DURATION>`. */
  constructor(flags: string, { description, fallback, shown, repeatable, alone = NO_VALUE, parse }: Kind<T>) {
    super(flags, description);
    this.fallback = fallback;
    this.shown = shown;
    this.repeatable = repeatable;
    this.#alone = alone;
    this.#parse = parse;
    // For commander a value that must be there is the next word, a flag as well, and none ends the command.
    this.required = false;
    this.optional = true;
    // --no-proxy is not the opposite of --proxy.
    this.negate = false;
    this.env(`IMAGE_SECURITY_${this.name().toUpperCase().replaceAll("-", "_")}`);
    if (shown !== "") this.default(shown, shown);
    this.argParser((text: string, before: unknown) => [...this.gathered(before), text]);
  }

  /** The variable that gives it where the flag does not. */
  get variable(): string {
    return this.envVar ?? "";
  }

  /** The texts that commander holds for it; it holds `true` for a flag alone. */
  gathered(held: unknown): readonly string[] {
    if (held === true) return [this.#alone];
    // Only its own argParser makes lists.
    return Array.isArray(held) ? (held as readonly string[]) : [];
  }

  /** What the texts that were given mean. */
  read(texts: readonly string[]): Parsed<T> {
    const [, placeholder = ""] = /<(.*)>/.exec(this.flags) ?? [];
    if (texts.includes(NO_VALUE)) return invalid(`has no value; write --${this.name()} ${placeholder}`);
    return texts.length > 1 && !this.repeatable ? invalid("is given twice; leave one of them out") : this.#parse(texts);
  }
}

/** Settings by the names that code uses, which are those of their flags in camelCase; such as a module of them. */
export type Settable = Readonly<Record<string, Setting<unknown>>>;

/** What they are read as. */
export type Values<Of extends Settable> = {
  readonly [Name in keyof Of]: Of[Name] extends Setting<infer T> ? T : never;
};
