import assert from "node:assert/strict";
import { AuditPace } from "../../../../evidence/sigstore/auditPace.ts";

const CLOCK_MS = 45_000;

/**
 * Audits that ask about all of these places every 45 s; gives the looks of each audit, and how old an answer became, once those that were all
 * looked at in one moment, at a start, have come apart.
 */
const audits = (registries: readonly string[], digests: number, times: number) => {
  let now = 1_000_000;
  const pace = new AuditPace(() => now);
  const places = Array.from(
    { length: digests },
    (_, index) => `${registries[index % registries.length]}/app\n\nd${index}`,
  );
  const lookedAt = new Map(places.map((place) => [place, now]));
  const looks: number[] = [];
  let oldest = 0;
  for (let audit = 0; audit < times; audit += 1) {
    now += CLOCK_MS;
    let count = 0;
    for (const place of places) {
      const at = lookedAt.get(place) ?? 0;
      if (pace.mayLook(place, at)) {
        lookedAt.set(place, now);
        count += 1;
      } else if (audit * CLOCK_MS > 2 * (digests / 5) * 1_000) oldest = Math.max(oldest, now - at);
    }
    looks.push(count);
  }
  return { looks, oldest };
};

describe("how often audits look again beside a digest", () => {
  it("is every time while there are few", () => {
    assert.deepEqual(audits(["a.io"], 200, 5).looks, [200, 200, 200, 200, 200]);
  });

  for (const digests of [1_000, 5_000]) {
    it(`is five times a second with ${digests} of them, and no answer grows much older than that takes`, () => {
      const { looks, oldest } = audits(["a.io"], digests, 100);
      const all = looks.reduce((sum, count) => sum + count, 0);
      assert.ok(all <= 300 + 5 * 45 * 100, `${all} looks`);
      assert.ok(all >= 0.9 * 5 * 45 * 100 - digests, `${all} looks: what may be asked is asked`);
      assert.ok(oldest <= (digests / 5) * 1_000 + 2 * CLOCK_MS, `one was ${oldest / 1_000} s old`);
    });
  }

  it("is no less for the others where some cannot be read, however often those are asked about", () => {
    let now = 1_000_000;
    const pace = new AuditPace(() => now);
    const lookedAt = new Map(Array.from({ length: 1_000 }, (_, index) => [`a.io/app\n\n${index}`, now]));
    // Their answers stay as old as they are. They come first in every audit.
    const failing = new Set([...lookedAt.keys()].slice(0, 400));
    const looks = new Map<string, number>();
    let oldest = 0;
    for (let audit = 0; audit < 60; audit += 1) {
      now += CLOCK_MS;
      for (const [place, at] of lookedAt) {
        if (pace.mayLook(place, at)) {
          looks.set(place, (looks.get(place) ?? 0) + 1);
          if (!failing.has(place)) lookedAt.set(place, now);
        } else if (!failing.has(place) && audit > 10) oldest = Math.max(oldest, now - at);
      }
    }
    assert.ok(oldest <= 200_000 + 2 * CLOCK_MS, `one was ${oldest / 1_000} s old`);
    const fewest = Math.min(...[...failing].map((place) => looks.get(place) ?? 0));
    assert.ok(fewest >= 5, `one that fails was looked at ${fewest} times`);
  });

  it("is counted for each registry", () => {
    const { looks } = audits(["a.io", "b.io:5000", "c.io", "d.io", "e.io"], 1_000, 3);
    assert.deepEqual(looks, [1_000, 1_000, 1_000]);
  });

  it("goes back to every time when fewer run", () => {
    let now = 0;
    const pace = new AuditPace(() => now);
    for (let index = 0; index < 2_000; index += 1) pace.mayLook(`a.io/x\n\n${index}`, -Infinity);
    now += 60_000;
    assert.equal(pace.mayLook("a.io/x\n\n1", 0), false);
    now += 700_000;
    // Those that nobody asks about any more have been forgotten.
    assert.equal(pace.mayLook("a.io/x\n\n1", now - 1_000), true);
  });

  it("goes on where the clock was ahead, and is set back", () => {
    let now = 86_400_000;
    const pace = new AuditPace(() => now);
    assert.ok(pace.mayLook("a.io/app", 0));
    const at = now;
    now = 1_000;
    assert.ok(pace.mayLook("a.io/app", at), "nobody knows how old the answer is");
    assert.ok(!pace.mayLook("a.io/app", now));
  });
});
