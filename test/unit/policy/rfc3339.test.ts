import assert from "node:assert/strict";
import { parseRfc3339 } from "../../../policy/rfc3339.ts";

describe("RFC 3339 times", () => {
  const good: readonly (readonly [text: string, same: string])[] = [
    ["2026-01-31T12:34:56Z", "2026-01-31T12:34:56.000Z"],
    ["2026-01-31t12:34:56z", "2026-01-31T12:34:56.000Z"],
    ["2026-01-31T12:34:56.7Z", "2026-01-31T12:34:56.700Z"],
    ["2026-01-31T12:34:56.123456789+02:00", "2026-01-31T10:34:56.123Z"],
    ["2026-01-31T00:00:00-23:59", "2026-01-31T23:59:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"],
  ];
  for (const [text, same] of good)
    it(`are read: ${text}`, () => assert.equal(new Date(parseRfc3339(text) ?? Number.NaN).toISOString(), same));

  const bad: readonly (readonly [text: string, why: string])[] = [
    ["", "nothing"],
    ["1", "Date.parse takes it for 2001"],
    ["2026", "a year"],
    ["2026-01-31", "a day"],
    ["2026-01-31T12:34:56", "without a zone: local time"],
    ["2026-01-31 12:34:56Z", "a space"],
    ["2026-01-31T12:34Z", "without seconds"],
    ["2026-01-31T12:34:56+0200", "a zone without colon"],
    ["2026-02-29T00:00:00Z", "no leap year"],
    ["1900-02-29T00:00:00Z", "no leap year either"],
    ["2026-04-31T00:00:00Z", "Date.parse takes it for the first of May"],
    ["2026-13-01T00:00:00Z", "a thirteenth month"],
    ["2026-00-01T00:00:00Z", "no month"],
    ["2026-01-00T00:00:00Z", "no day"],
    ["2026-01-01T24:00:00Z", "the hour 24"],
    ["2026-01-01T00:60:00Z", "the minute 60"],
    ["2026-01-01T23:59:60Z", "a leap second"],
    ["2026-01-01T00:00:00+24:00", "a zone of a day"],
    ["2026-01-01T00:00:00.Z", "no fraction"],
    ["2026-01-01T00:00:00,5Z", "a comma"],
    ["0000-01-01T00:00:00Z", "the year 0"],
    ["+012026-01-01T00:00:00Z", "a long year"],
    ["January 1, 2026 10:00 UTC", "words"],
    ["2026-01-31T12:34:56Z\n", "a line end"],
    [`2026-01-31T12:34:56.${"1".repeat(100)}Z`, "endless"],
  ];
  for (const [text, why] of bad) it(`are not: ${why}`, () => assert.equal(parseRfc3339(text), undefined));
});
