import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadlines, OverdueError, timeFor, untilOverdue } from "../../../webhook/server/deadline.ts";

describe("Deadlines", () => {
  it("fire in time, with a TimeoutError, and are shared by those who ask together", async () => {
    const deadlines = new Deadlines();
    const started = performance.now();
    const signal = deadlines.after(200);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    const elapsed = performance.now() - started;
    assert.ok(elapsed > 140 && elapsed < 2_000, String(elapsed));
    assert.equal((signal.reason as DOMException).name, "TimeoutError");
    const next = deadlines.after(0);
    await new Promise((resolve) => next.addEventListener("abort", resolve));
    assert.notEqual(deadlines.after(0), next, "one that has fired is not handed out again");
    assert.notEqual(deadlines.after(200), deadlines.after(5_000));
    deadlines.close();
  });

  it("never fire once they are closed", async () => {
    const deadlines = new Deadlines();
    const signal = deadlines.after(60);
    deadlines.close();
    await sleep(120);
    assert.equal(signal.aborted, false);
  });
});

describe("untilOverdue", () => {
  it("gives the answer, or why there is none", async () => {
    const signal = new AbortController().signal;
    assert.equal(await untilOverdue(Promise.resolve(7), signal, 0), 7);
    await assert.rejects(untilOverdue(Promise.reject(new Error("no")), signal, 0), /no/);
  });

  it("waits for an answer that comes within the grace", async () => {
    const late = sleep(30).then(() => "late");
    assert.equal(await untilOverdue(late, AbortSignal.abort(), 500), "late");
  });

  it("gives up after it", async () => {
    await assert.rejects(untilOverdue(new Promise(() => undefined), AbortSignal.timeout(10), 20), OverdueError);
  });
});

describe("timeFor", () => {
  const cases: readonly (readonly [url: string, milliseconds: number])[] = [
    ["/validate?timeout=10s", 8_000],
    ["/validate?timeout=5s", 4_000],
    ["/validate?a=b&timeout=1s", 800],
    ["/validate?timeout=30s", 8_000],
    ["/validate", 8_000],
    ["/validate?timeout=", 8_000],
    ["/validate?timeout=-1s", 8_000],
    ["/validate?timeout=1m", 8_000],
    ["/validate?mytimeout=1s", 8_000],
  ];
  for (const [url, milliseconds] of cases) it(url, () => assert.equal(timeFor(url, 8_000), milliseconds));

  it("remembers no more than a few addresses", () => {
    for (let index = 0; index < 10_000; index += 1)
      assert.equal(timeFor(`/validate?n=${index}&timeout=2s`, 8_000), 1_600);
  });
});
