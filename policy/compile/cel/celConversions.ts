import { parseRfc3339 } from "../../rfc3339.ts";

/**
 * What may be converted, where @marcbachmann/cel-js takes more than CEL does: `int("")` is 0 to it, `double("0x10")` is
 * 16, `double("1e400")` has no end, `duration("h")` is nothing, the 30th of February is a day in March, a time without
 * a zone is local, and its expression for durations takes hours for 20,000 digits. A condition must err there instead
 * of holding.
 */
const conversions: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  [
    "int",
    (value: unknown) => (typeof value === "number" ? wholeNumber(value) : digits("int", /^[+-]?\d{1,19}$/, value)),
  ],
  ["uint", (value: unknown) => digits("uint", /^\d{1,20}$/, value)],
  ["double", (value: unknown) => decimal(value)],
  ["timestamp", (value: unknown) => time(value)],
  ["duration", (value: unknown) => duration(value)],
]);

/**
 * How a function's argument is looked at before it gets there; undefined for functions that take everything that CEL
 * takes.
 */
export function conversionOf(name: unknown): ((value: unknown) => unknown) | undefined {
  return typeof name === "string" ? conversions.get(name) : undefined;
}

function digits(name: string, form: RegExp, value: unknown): unknown {
  if (typeof value === "string" && !form.test(value)) throw new Error(`${name}() cannot convert this text`);
  return value;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NOT_FINITE = /^([+-]?inf(inity)?|nan)$/i;

/** As Go's strconv.ParseFloat, which CEL reads with; without its hexadecimal numbers. */
function decimal(value: unknown): unknown {
  if (typeof value !== "string" || NOT_FINITE.test(value)) return value;
  if (DECIMAL.test(value) && Number.isFinite(Number(value))) return value;
  throw new Error("double() cannot convert this text");
}

/** The library makes an int without end of a double that is none. Both ends lie outside, as in CEL. */
function wholeNumber(value: number): number {
  if (value > -(2 ** 63) && value < 2 ** 63) return value;
  throw new Error("int() cannot convert a number of this size");
}

/** Given on in one form, because the library takes no more than 30 characters and RFC 3339 can have more. */
function time(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const parsed = parseRfc3339(value);
  if (parsed === undefined) throw new Error("timestamp() takes RFC 3339, such as 2026-01-31T00:00:00Z");
  return new Date(parsed).toISOString();
}

const DURATION = /^[+-]?(0|((\d{1,15}(\.\d{0,15})?|\.\d{1,15})(ns|us|µs|ms|s|m|h)){1,8})$/;
const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
/** Of a google.protobuf.Duration: 10,000 years. */
const MAX_SECONDS = 315_576_000_000;

function duration(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value.length <= 128 && DURATION.test(value)) {
    const parts = [...value.matchAll(/([\d.]+)([a-zµ]+)/g)];
    const seconds = parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (SECONDS[unit] ?? 0), 0);
    if (seconds <= MAX_SECONDS) return parts.length === 0 ? "0s" : value;
  }
  throw new Error("duration() takes a number with a unit, such as 24h or 90m");
}
