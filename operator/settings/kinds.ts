import { parseDuration } from "../../policy/duration.ts";
import { invalid, ok, type Option, type Parsed } from "./option.ts";

/** The kinds of settings. Each gives an Option from what differs: flag, default, meaning. */

interface Common<T> {
  readonly flag: string;
  readonly description: string;
  readonly fallback: T;
  readonly placeholder?: string;
}

const single =
  <T>(parse: (text: string) => Parsed<T>) =>
  (texts: readonly string[]): Parsed<T> => {
    const [text] = texts;
    return text === undefined ? invalid("has no value") : parse(text.trim());
  };

/** Any text that is not empty. `check` gives what is wrong with it. */
export function text<T extends string | undefined>(
  common: Common<T> & { readonly check?: (value: string) => string | undefined },
): Option<string | T> {
  return {
    placeholder: "TEXT",
    ...common,
    shown: common.fallback ?? "",
    repeatable: false,
    parse: single<string>((value) => {
      const wrong = value === "" ? "is empty" : common.check?.(value);
      return wrong === undefined ? ok(value) : invalid(wrong);
    }),
  };
}

/** A whole number in bounds, both included. */
export function integer(common: Common<number> & { readonly least: number; readonly most: number }): Option<number> {
  return {
    placeholder: "NUMBER",
    ...common,
    shown: String(common.fallback),
    repeatable: false,
    parse: single((value) => parseInteger(value, common.least, common.most)),
  };
}

/** A TCP port; 0 takes any free one. */
export const port = (common: Common<number>): Option<number> =>
  integer({ placeholder: "PORT", ...common, least: 0, most: 65_535 });

/** A TCP port, or `off`. */
export function portOrOff(common: Common<number | "off">): Option<number | "off"> {
  return {
    placeholder: "PORT",
    ...common,
    shown: String(common.fallback),
    repeatable: false,
    parse: single<number | "off">((value) => (value === "off" ? ok("off") : parseInteger(value, 0, 65_535))),
  };
}

/** A duration as in policies (`15m`, `1h30m`), in milliseconds. Bounds as texts, both included. */
export function duration(
  common: Omit<Common<number>, "fallback"> & {
    readonly fallback: string;
    readonly least: string;
    readonly most: string;
  },
): Option<number> {
  const least = milliseconds(common.least);
  const most = milliseconds(common.most);
  return {
    placeholder: "DURATION",
    ...common,
    shown: common.fallback,
    fallback: milliseconds(common.fallback),
    repeatable: false,
    parse: single((value) => {
      const parsed = parseDuration(value);
      if (parsed === undefined) return invalid(`${quote(value)} is no duration; write one such as 90s, 15m or 1h30m`);
      return parsed < least || parsed > most
        ? invalid(`${quote(value)} is out of bounds; write ${common.least} to ${common.most}`)
        : ok(parsed);
    }),
  };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** Bytes, with Ki, Mi or Gi. */
export function bytes(common: Omit<Common<number>, "fallback"> & { readonly fallback: string }): Option<number> {
  const read = (value: string): number | undefined => {
    const [, digits, unit = ""] = /^([0-9]{1,12})(Ki|Mi|Gi)?$/.exec(value) ?? [];
    return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
  };
  return {
    placeholder: "SIZE",
    ...common,
    shown: common.fallback,
    fallback: read(common.fallback) ?? 0,
    repeatable: false,
    parse: single((value) => {
      const size = read(value);
      return size === undefined ? invalid(`${quote(value)} is no size; write one such as 128Mi`) : ok(size);
    }),
  };
}

/** A switch: `--flag`, `--flag=true`, `--flag=false`. */
export function toggle(common: Common<boolean>): Option<boolean> {
  return {
    ...common,
    shown: String(common.fallback),
    repeatable: false,
    parse: single((value) =>
      value === "true" || value === "false"
        ? ok(value === "true")
        : invalid(`${quote(value)} is neither true nor false`),
    ),
  };
}

export function choice<const T extends string>(
  common: Common<NoInfer<T>> & { readonly values: readonly T[] },
): Option<T> {
  return {
    placeholder: common.values.join("|"),
    ...common,
    shown: common.fallback,
    repeatable: false,
    parse: single((value) => {
      const known = common.values.find((candidate) => candidate === value);
      return known === undefined
        ? invalid(`${quote(value)} is unknown; write one of ${common.values.join(", ")}`)
        : ok(known);
    }),
  };
}

/** Texts, given several times or separated by commas. `some`: what a template left empty is a mistake. */
export function list<T extends readonly string[] | undefined>(
  common: Common<T> & { readonly check?: (value: string) => string | undefined; readonly some?: boolean },
): Option<readonly string[] | T> {
  return {
    placeholder: "TEXT,...",
    ...common,
    shown: common.fallback?.join(",") ?? "",
    repeatable: true,
    parse: (texts) => {
      const values = split(texts);
      if (common.some === true && values.length === 0) return invalid("is empty; name one, or leave the flag out");
      for (const value of values) {
        const wrong = common.check?.(value);
        if (wrong !== undefined) return invalid(wrong);
      }
      return ok(values);
    },
  };
}

/** `NAME=VALUE` pairs, given several times or separated by commas. `check` gives what is wrong with a value. */
export function pairs(
  common: Omit<Common<never>, "fallback"> & {
    readonly example: string;
    readonly name?: (name: string) => string;
    readonly check: (value: string) => string | undefined;
  },
): Option<ReadonlyMap<string, string>> {
  return {
    placeholder: "NAME=VALUE",
    ...common,
    shown: "",
    fallback: new Map(),
    repeatable: true,
    parse: (texts) => {
      const values = new Map<string, string>();
      for (const pair of split(texts)) {
        const at = pair.indexOf("=");
        if (at < 1 || at === pair.length - 1) return invalid(`${quote(pair)} is no pair; write ${common.example}`);
        const name = common.name?.(pair.slice(0, at)) ?? pair.slice(0, at);
        const value = pair.slice(at + 1);
        const wrong = common.check(value);
        if (wrong !== undefined) return invalid(`${quote(pair)}: ${wrong}; write ${common.example}`);
        if (values.has(name)) return invalid(`${quote(name)} is given twice; leave one of them out`);
        values.set(name, value);
      }
      return ok(values);
    },
  };
}

const split = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((value) => value.split(",")).flatMap((value) => (value.trim() === "" ? [] : [value.trim()]));

const quote = (value: string): string => JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);

function parseInteger(value: string, least: number, most: number): Parsed<number> {
  const parsed = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
  return parsed >= least && parsed <= most
    ? ok(parsed)
    : invalid(`${quote(value)} is no whole number from ${least} to ${most}`);
}

/** For the defaults and bounds in the table, which are right or the operator does not start. */
function milliseconds(value: string): number {
  const parsed = parseDuration(value);
  if (parsed === undefined) throw new Error(`${value} is no duration`);
  return parsed;
}
