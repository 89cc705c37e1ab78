const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 };

/** Milliseconds as `parseDuration` reads them, the largest units first: `1d12h`. Parts of a second are left out. */
export function durationText(milliseconds: number): string {
  let rest = Math.floor(milliseconds / 1000) * 1000;
  let text = "";
  for (const [unit, length] of Object.entries(UNITS)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === "" ? "0s" : text;
}

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
