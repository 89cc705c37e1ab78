import assert from "node:assert/strict";
import { SingleFlight } from "../../../async/singleFlight.ts";

const forever = new AbortController().signal;
const turn = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("one flight for many", () => {
  it("asks once, and tells everybody", async () => {
    const flights = new SingleFlight<number>();
    let asked = 0;
    const work = async (): Promise<number> => {
      await turn();
      return ++asked;
    };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => flights.run("a", forever, work, () => -1)),
    );
    assert.deepEqual(new Set(answers), new Set([1]));
    assert.equal(await flights.run("a", forever, work, () => -1), 2);
  });

  it("one that leaves does not disturb the others", async () => {
    const flights = new SingleFlight<string>();
    const leaving = new AbortController();
    let ended: AbortSignal | undefined;
    let land: (value: string) => void = () => undefined;
    const work = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
      ended = signal;
      return new Promise((resolve) => (land = resolve));
    };
    const first = flights.run("a", leaving.signal, work, () => "left");
    const second = flights.run("a", forever, work, () => "left");
    leaving.abort();
    assert.equal(await first, "left");
    assert.equal(ended?.aborted, false);
    land("landed");
    assert.equal(await second, "landed");
  });

  it("is aborted when the last one leaves, and the next starts afresh", async () => {
    const flights = new SingleFlight<string>();
    const signals: AbortSignal[] = [];
    const work = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const [a, b] = [new AbortController(), new AbortController()];
    const both = [flights.run("a", a.signal, work, () => "left"), flights.run("a", b.signal, work, () => "left")];
    a.abort();
    b.abort();
    assert.deepEqual(await Promise.all(both), ["left", "left"]);
    assert.equal(signals[0]?.aborted, true);
    const again = new AbortController();
    void flights.run("a", again.signal, work, () => "left");
    assert.equal(signals.length, 2);
    again.abort();
  });

  it("a signal that has fired already starts nothing", async () =>
    assert.equal(
      await new SingleFlight<string>().run(
        "a",
        AbortSignal.abort(),
        async () => assert.fail(),
        () => "left",
      ),
      "left",
    ));

  it("a rejection reaches everybody", async () => {
    const flights = new SingleFlight<string>();
    const work = async (): Promise<string> => {
      await turn();
      throw new Error("broken");
    };
    const both = [1, 2].map(async () => flights.run("a", forever, work, () => "left"));
    for (const one of both) await assert.rejects(one, /broken/);
  });

  it("tells who leaves what went wrong so far", async () => {
    const flights = new SingleFlight<string, { readonly message: string }>();
    const leaving = new AbortController();
    const answer = flights.run(
      "a",
      leaving.signal,
      async (flight) => {
        flight.last = { message: "slow down" };
        return new Promise(() => undefined);
      },
      ({ last }) => last?.message ?? "nothing",
    );
    leaving.abort();
    assert.equal(await answer, "slow down");
  });
});
