const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|[+-](\d\d):(\d\d))$/;

/**
 * Milliseconds since the epoch of an RFC 3339 time; undefined for anything else. `Date.parse` takes the 30th of
 * February for the 2nd of March, "1" for 2001, and a time without a zone for local time, so that the same policy would
 * judge differently in another place.
 */
export function parseRfc3339(text: string): number | undefined {
  const match = text.length > 64 ? null : RFC3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [zoneHour, zoneMinute] = [Number(match[8] ?? 0), Number(match[9] ?? 0)];
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  // A leap second is none to Go's time.Parse either, which cosign and CEL read times with.
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return undefined;
  const zone = /[Zz]$/.test(text) ? "Z" : text.slice(-6);
  const time = Date.parse(
    `${text.slice(0, 10)}T${text.slice(11, 19)}.${(match[7] ?? "").padEnd(3, "0").slice(0, 3)}${zone}`,
  );
  return Number.isNaN(time) ? undefined : time;
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}
