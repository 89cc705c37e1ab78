import assert from "node:assert/strict";
import { BodyBudget, type UnfinishedBody } from "../../../webhook/server/bodyBudget.ts";

describe("BodyBudget", () => {
  const start = (
    limit: number,
  ): {
    readonly budget: BodyBudget;
    readonly cut: string[];
    readonly begin: (name: string, from?: string, now?: number) => UnfinishedBody;
  } => {
    const budget = new BodyBudget(limit);
    const cut: string[] = [];
    return {
      budget,
      cut,
      begin: (name, from = "a", now = 0) => {
        const body: UnfinishedBody = budget.begin(
          from,
          (why) => {
            cut.push(`${name} ${why}`);
            budget.leave(body);
          },
          now,
        );
        return body;
      },
    };
  };

  it("has the oldest body make room, of the peer that holds most", () => {
    const { budget, cut, begin } = start(100);
    assert.ok(budget.take(20, begin("b1", "b")));
    assert.ok(budget.take(40, begin("a1")));
    assert.ok(budget.take(40, begin("a2")));
    assert.ok(budget.take(10, begin("b2", "b")));
    assert.deepEqual(cut, ["a1 overloaded"]);
    assert.ok(budget.take(30), "one that came whole");
    assert.ok(budget.take(30));
    assert.deepEqual(cut, ["a1 overloaded", "a2 overloaded"]);
    assert.ok(budget.take(15));
    assert.deepEqual(cut, ["a1 overloaded", "a2 overloaded", "b1 overloaded"]);
  });

  it("takes no room from bodies that are whole", () => {
    const { budget, cut, begin } = start(100);
    const body = begin("a1");
    assert.ok(budget.take(60, body));
    budget.finish(body);
    assert.ok(!budget.take(50));
    assert.ok(!budget.take(50, begin("a2")));
    assert.deepEqual(cut, []);
    budget.give(60);
    assert.ok(budget.take(100));
  });

  it("refuses the body that would have to make room for itself", () => {
    const { budget, cut, begin } = start(100);
    const body = begin("a1");
    assert.ok(budget.take(90, body));
    assert.ok(!budget.take(20, body));
    budget.leave(body);
    assert.ok(budget.take(100));
    assert.deepEqual(cut, []);
  });

  it("cuts what does not bring 64 KiB a second", () => {
    const { budget, cut, begin } = start(10_000_000);
    const fast = begin("fast");
    const slow = begin("slow", "b");
    const late = begin("late", "c", 2_000);
    for (let second = 1; second <= 6; second += 1) {
      budget.take(70_000, fast);
      if (!cut.includes("slow slow")) budget.take(60_000, slow);
      budget.sweep(second * 1_000);
      assert.deepEqual(cut, second < 3 ? [] : second < 5 ? ["slow slow"] : ["slow slow", "late slow"]);
    }
    budget.finish(fast);
    budget.sweep(60_000);
    assert.equal(cut.length, 2);
    assert.equal(late.bytes, 0);
  });
});
