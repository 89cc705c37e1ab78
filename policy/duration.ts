const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };

/**
 * A duration of days, hours, minutes and seconds such as `7d` or `1h30m` (`^([0-9]+(d|h|m|s))+$`) in milliseconds.
 * undefined: it is none, or too long to be counted exactly.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:[0-9]+[dhms])+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)([dhms])/g)) total += Number(count) * (UNITS[unit ?? ""] ?? NaN);
  return Number.isSafeInteger(total) ? total : undefined;
}
