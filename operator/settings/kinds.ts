import { parseDuration } from "../../policy/duration.ts";
import type { Check } from "./checks.ts";
import { invalid, ok, Setting, type Parsed, type SettingOf } from "./setting.ts";

/** The kinds of settings. Each gives a Setting from its flag and what differs: default, meaning, bounds. */

/** Any text that is not empty. */
export function text<T extends string | undefined>(
  flags: string,
  of: SettingOf<T> & { readonly check?: Check },
): Setting<string | T> {
  return single<string | T>(flags, of, of.fallback ?? "", (value) => {
    const wrong = value === "" ? "is empty" : of.check?.(value);
    return wrong === undefined ? ok(value) : invalid(wrong);
  });
}

/** A whole number in bounds, both included. */
export function integer(
  flags: string,
  of: SettingOf<number> & { readonly least: number; readonly most: number },
): Setting<number> {
  return single(flags, of, String(of.fallback), (value) => parseInteger(value, of.least, of.most));
}

/** A TCP port; 0 takes any free one. */
export function port(flags: string, of: SettingOf<number>): Setting<number> {
  return integer(flags, { ...of, least: 0, most: 65_535 });
}

/** A TCP port, or `off`. */
export function portOrOff(flags: string, of: SettingOf<number | "off">): Setting<number | "off"> {
  return single<number | "off">(flags, of, String(of.fallback), (value) =>
    value === "off" ? ok("off") : parseInteger(value, 0, 65_535),
  );
}

/** A duration as in policies (`15m`, `1h30m`), in milliseconds. Bounds as texts, both included. */
export function duration(
  flags: string,
  of: SettingOf<string> & { readonly least: string; readonly most: string },
): Setting<number> {
  const least = milliseconds(of.least);
  const most = milliseconds(of.most);
  return single(flags, { ...of, fallback: milliseconds(of.fallback) }, of.fallback, (value) => {
    const parsed = parseDuration(value);
    if (parsed === undefined) return invalid(`${quote(value)} is no duration; write one such as 90s, 15m or 1h30m`);
    return parsed < least || parsed > most
      ? invalid(`${quote(value)} is out of bounds; write ${of.least} to ${of.most}`)
      : ok(parsed);
  });
}

const UNITS: Readonly<Record<string, number>> = { "": 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

/** Bytes, with Ki, Mi or Gi. */
export function bytes(flags: string, of: SettingOf<string>): Setting<number> {
  const read = (value: string): number | undefined => {
    const [, digits, unit = ""] = /^([0-9]{1,12})(Ki|Mi|Gi)?$/.exec(value) ?? [];
    return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
  };
  return single(flags, { ...of, fallback: read(of.fallback) ?? 0 }, of.fallback, (value) => {
    const size = read(value);
    return size === undefined ? invalid(`${quote(value)} is no size; write one such as 128Mi`) : ok(size);
  });
}

/** A switch: `--flag`, `--flag=true`, `--flag=false`. */
export function toggle(flag: string, of: SettingOf<boolean>): Setting<boolean> {
  return new Setting(flag, {
    ...of,
    shown: String(of.fallback),
    repeatable: false,
    alone: "true",
    parse: ([value = ""]) =>
      value === "true" || value === "false"
        ? ok(value === "true")
        : invalid(`${quote(value)} is neither true nor false`),
  });
}

/** One of a few words. */
export function choice<const T extends string>(
  flag: string,
  of: SettingOf<NoInfer<T>> & { readonly values: readonly T[] },
): Setting<T> {
  return single<T>(`${flag} <${of.values.join("|")}>`, of, of.fallback, (value) => {
    const known = of.values.find((candidate) => candidate === value);
    return known === undefined
      ? invalid(`${quote(value)} is unknown; write one of ${of.values.join(", ")}`)
      : ok(known);
  });
}

/** Texts, given several times or separated by commas. `some`: what a template left empty is a mistake. */
export function list<T extends readonly string[] | undefined>(
  flags: string,
  of: SettingOf<T> & { readonly check?: Check; readonly some?: boolean },
): Setting<readonly string[] | T> {
  return several<readonly string[] | T>(flags, of, of.fallback?.join(",") ?? "", (values) => {
    if (of.some === true && values.length === 0) return invalid("is empty; name one, or leave the flag out");
    const wrong = firstWrong(values, of.check);
    return wrong === undefined ? ok(values) : invalid(wrong);
  });
}

/** Texts, or `*` for all there are. */
export function listOrAll(
  flags: string,
  of: SettingOf<readonly string[]> & { readonly check: Check },
): Setting<readonly string[] | "*"> {
  return several<readonly string[] | "*">(flags, of, of.fallback.join(","), (values) => {
    const wrong = firstWrong(values, (value) => (value === "*" ? undefined : of.check(value)));
    if (wrong !== undefined) return invalid(wrong);
    return ok(values.includes("*") ? "*" : values);
  });
}

/** Some of a few words, in their own order; `none` for none of them. */
export function choices<const T extends string>(
  flags: string,
  of: SettingOf<readonly NoInfer<T>[]> & { readonly values: readonly T[] },
): Setting<readonly T[]> {
  return several<readonly T[]>(flags, of, of.fallback.join(","), (given) => {
    const unknown = given.find((value) => value !== "none" && !of.values.some((known) => known === value));
    return unknown === undefined
      ? ok(of.values.filter((known) => given.includes(known)))
      : invalid(`"${unknown}" is unknown; write ${of.values.join(", ")} or none`);
  });
}

/** `NAME=VALUE` pairs, given several times or separated by commas. */
export function pairs(
  flags: string,
  of: Omit<SettingOf<never>, "fallback"> & {
    readonly example: string;
    readonly name: (name: string) => string;
    readonly check: Check;
  },
): Setting<ReadonlyMap<string, string>> {
  return several<ReadonlyMap<string, string>>(flags, { ...of, fallback: new Map() }, "", (given) => {
    const values = new Map<string, string>();
    for (const pair of given) {
      const at = pair.indexOf("=");
      if (at < 1 || at === pair.length - 1) return invalid(`${quote(pair)} is no pair; write ${of.example}`);
      const name = of.name(pair.slice(0, at));
      const value = pair.slice(at + 1);
      const wrong = of.check(value);
      if (wrong !== undefined) return invalid(`${quote(pair)}: ${wrong}; write ${of.example}`);
      if (values.has(name)) return invalid(`${quote(name)} is given twice; leave one of them out`);
      values.set(name, value);
    }
    return ok(values);
  });
}

/** A setting of one text. */
function single<T>(
  flags: string,
  { description, fallback }: SettingOf<T>,
  shown: string,
  parse: (text: string) => Parsed<T>,
): Setting<T> {
  return new Setting<T>(flags, {
    description,
    fallback,
    shown,
    repeatable: false,
    parse: ([value = ""]) => parse(value.trim()),
  });
}

/** A setting of many texts. */
function several<T>(
  flags: string,
  { description, fallback }: SettingOf<T>,
  shown: string,
  parse: (texts: readonly string[]) => Parsed<T>,
): Setting<T> {
  return new Setting<T>(flags, {
    description,
    fallback,
    shown,
    repeatable: true,
    parse: (texts) =>
      parse(texts.flatMap((value) => value.split(",")).flatMap((value) => (value.trim() === "" ? [] : [value.trim()]))),
  });
}

function firstWrong(values: readonly string[], check: Check | undefined): string | undefined {
  return values.map((value) => check?.(value)).find((wrong) => wrong !== undefined);
}

function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
}

function parseInteger(value: string, least: number, most: number): Parsed<number> {
  const parsed = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
  return parsed >= least && parsed <= most
    ? ok(parsed)
    : invalid(`${quote(value)} is no whole number from ${least} to ${most}`);
}

/** For the defaults and bounds of the settings, which are right or the operator does not start. */
function milliseconds(value: string): number {
  const parsed = parseDuration(value);
  if (parsed === undefined) throw new Error(`${value} is no duration`);
  return parsed;
}
