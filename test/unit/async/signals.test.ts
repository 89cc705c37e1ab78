import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { orAborted, pause, untilAborted, within, type Limit } from "../../../async/signals.ts";

const never = new Promise<never>(() => undefined);
const late = (): string => "late";

describe("within", () => {
  const cases: readonly (readonly [what: string, work: () => Promise<string>, limit: () => Limit, expected: string])[] =
    [
      ["gives what comes first", async () => "here", () => ({ milliseconds: 1_000 }), "here"],
      ["ends after its time", () => never, () => ({ milliseconds: 5 }), "late"],
      ["ends with the signal", () => never, () => ({ signal: AbortSignal.timeout(5) }), "late"],
      ["ends at once with a signal that has fired", () => never, () => ({ signal: AbortSignal.abort() }), "late"],
      ["keeps a result that was there before", async () => "here", () => ({ signal: AbortSignal.abort() }), "here"],
      [
        "waits so long after the signal",
        () => sleep(30, "here"),
        () => ({ signal: AbortSignal.abort(), milliseconds: 1_000 }),
        "here",
      ],
      [
        "and no longer",
        () => sleep(1_000, "here", { ref: false }),
        () => ({ signal: AbortSignal.timeout(5), milliseconds: 5 }),
        "late",
      ],
    ];
  for (const [what, work, limit, expected] of cases)
    it(what, async () => assert.equal(await within(work(), limit(), late), expected));

  it("rejects as the work does, or as it is told to", async () => {
    await assert.rejects(within(Promise.reject(new Error("broken")), { milliseconds: 1_000 }, late), /broken/);
    const refuse = (): never => {
      throw new Error("late");
    };
    await assert.rejects(within(never, { milliseconds: 1 }, refuse), /late/);
  });

  it("takes no harm from work that fails afterwards", async () => {
    const { promise, reject } = Promise.withResolvers<string>();
    assert.equal(await within(promise, { milliseconds: 1 }, late), "late");
    reject(new Error("nobody's business"));
    await sleep(1);
  });

  it("asks for the other answer only where it is needed", async () => {
    let asked = 0;
    const controller = new AbortController();
    const { signal } = controller;
    assert.equal(await within(Promise.resolve(7), { signal }, () => (asked += 1)), 7);
    controller.abort();
    await sleep(1);
    assert.equal(asked, 0);
  });
});

describe("orAborted", () => {
  it("gives the result, or says what was too slow", async () => {
    assert.equal(await orAborted(Promise.resolve(7), AbortSignal.timeout(1_000), "hangs"), 7);
    await assert.rejects(orAborted(never, AbortSignal.timeout(1), "hangs"), /hangs/);
  });
});

describe("untilAborted", () => {
  it("ends with the work, well or badly, or with the signal", async () => {
    const forever = new AbortController().signal;
    await untilAborted(Promise.resolve(7), forever);
    await untilAborted(Promise.reject(new Error("broken")), forever);
    await untilAborted(never, AbortSignal.timeout(1));
    await untilAborted(never, AbortSignal.abort());
  });
});

describe("pause", () => {
  it("ends with the signal", async () => {
    const forever = new AbortController().signal;
    assert.equal(await pause(1, forever), true);
    assert.equal(await pause(60_000, AbortSignal.timeout(5)), false);
    assert.equal(await pause(60_000, AbortSignal.abort()), false);
  });
});
