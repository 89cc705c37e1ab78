import assert from "node:assert/strict";
import { createMetImages } from "../../../operator/audit/metImages.ts";

describe("images that audits have met", () => {
  const FORGET = 1_000;
  let now: number;
  let wanted: (group: string) => boolean;
  const create = (): ReturnType<typeof createMetImages<number>> =>
    createMetImages({ forget: FORGET, isWanted: (group) => wanted(group), now: () => now });

  beforeEach(() => {
    now = 0;
    wanted = () => true;
  });

  it("are those of the last while, though nobody ever asks for them", () => {
    const images = create();
    for (; now < 100 * FORGET; now += 1) {
      images.met(`team-${now}`, `digest-${now}`, 1);
      images.met("team", `digest-${now}`, 1);
      // Counting them takes longer than meeting one.
      if (now % 500 === 0 && images.size() > 4 * FORGET + 4) assert.fail(`${images.size()} images after ${now} ms`);
    }
  });
  it("are forgotten with their group when something else is met", () => {
    const images = create();
    images.met("gone", "digest", 1);
    wanted = (group) => group !== "gone";
    now = FORGET + 1;
    images.met("team", "digest", 1);
    assert.equal(images.size(), 1);
  });
  it("are looked through seldom, however many are met", () => {
    const images = create();
    let looks = 0;
    images.met("team", "digest", 1);
    wanted = () => {
      looks += 1;
      return true;
    };
    for (; now < 10 * FORGET; now += 1) images.met("team", "digest", now);
    assert.ok(looks < 10, `${looks} looks`);
    assert.deepEqual(images.groups(), [["team", [now - 1]]], "the newest is what counts");
  });
});
