import assert from "node:assert/strict";
import { FreshValues } from "../../../async/freshValue.ts";

const forever = new AbortController().signal;

describe("values that change now and then", () => {
  const make = (): { values: FreshValues<string>; tick: (ms: number) => void } => {
    let now = 0;
    return {
      values: new FreshValues<string>({
        time: 10,
        stale: 100,
        maxSize: 10_000,
        sizeOf: (value) => value.length,
        clock: () => now,
      }),
      tick: (milliseconds) => (now += milliseconds),
    };
  };
  it("are kept for their time, then loaded again", async () => {
    const { values, tick } = make();
    let loads = 0;
    const get = async (): Promise<unknown> => values.get("a", forever, async () => `v${++loads}`);
    assert.deepEqual(await get(), { status: "ok", value: "v1", at: 0 });
    assert.deepEqual(values.peek("a"), { status: "ok", value: "v1", at: 0 });
    tick(10);
    assert.equal(values.peek("a"), undefined);
    assert.deepEqual(await get(), { status: "ok", value: "v2", at: 10 });
  });
  it("an old one stands in while loading fails, for a while", async () => {
    const { values, tick } = make();
    const broken = async (): Promise<string> => Promise.reject(new Error("down"));
    const failed = await values.get("a", forever, broken);
    assert.equal(failed.status === "failed" && failed.error instanceof Error && failed.error.message, "down");
    await values.get("a", forever, async () => "v1");
    tick(50);
    assert.deepEqual(await values.get("a", forever, broken), { status: "old", value: "v1", at: 0 });
    tick(50);
    assert.equal((await values.get("a", forever, broken)).status, "failed");
  });
  it("end with the signal", async () => {
    const { values } = make();
    assert.deepEqual(await values.get("a", AbortSignal.timeout(5), async () => new Promise(() => undefined)), {
      status: "failed",
    });
  });
});
