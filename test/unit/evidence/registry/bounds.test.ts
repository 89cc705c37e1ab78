import assert from "node:assert/strict";
import { Asker } from "../../../../async/shares/asker.ts";
import { onBehalfOf, Party } from "../../../../async/shares/party.ts";
import { BufferBudget } from "../../../../evidence/registry/http/bufferBudget.ts";
import { Limiter, type Seat } from "../../../../evidence/registry/http/limiter.ts";
import { isTransient, retryAfter } from "../../../../evidence/registry/http/retry.ts";

const forever = new AbortController().signal;
const turn = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const seated = (seat: Seat | "full" | "aborted"): Seat => {
  assert.ok(typeof seat === "object", JSON.stringify(seat));
  return seat;
};

/** One request of a tenant. */
const as = async <T>(tenant: string, work: () => Promise<T>, request: unknown = {}): Promise<T> =>
  onBehalfOf(new Party(new Asker(tenant, request)), work);

describe("places", () => {
  it("are given in turn, and given back", async () => {
    const limiter = new Limiter(2, 10);
    const [a, b] = [await limiter.enter("x", forever), await limiter.enter("x", forever)];
    const order: string[] = [];
    const third = limiter.enter("x", forever).then((seat) => (order.push("third"), seat));
    const elsewhere = await limiter.enter("y", forever);
    seated(elsewhere);
    await turn();
    assert.equal(order.length, 0);
    seated(a).leave();
    seated(a).leave();
    await third;
    assert.equal(order.join(" "), "third");
    const fourth = limiter.enter("x", forever).then(() => order.push("fourth"));
    await turn();
    assert.equal(order.join(" "), "third", "a place that is given back twice is one place");
    seated(b).leave();
    await fourth;
  });

  it("whoever leaves the line takes no place", async () => {
    const limiter = new Limiter(1, 10);
    const first = await limiter.enter("x", forever);
    const leaving = new AbortController();
    const second = limiter.enter("x", leaving.signal);
    leaving.abort();
    assert.equal(await second, "aborted");
    seated(first).leave();
    seated(await limiter.enter("x", forever));
  });

  it("the line is bounded", async () => {
    const limiter = new Limiter(1, 1);
    await limiter.enter("x", forever);
    void limiter.enter("x", forever);
    assert.equal(await limiter.enter("x", forever), "full");
  });

  it("are left to others to a quarter, however many one tenant asks for", async () => {
    const limiter = new Limiter(8, 100);
    let of = 0;
    for (let at = 0; at < 20; at += 1) void as("flood", async () => limiter.enter("x", forever)).then(() => (of += 1));
    await turn();
    assert.equal(of, 6);
    seated(await as("other", async () => limiter.enter("x", forever)));
  });

  it("go to who has the fewest, and within a tenant to each request in turn", async () => {
    const limiter = new Limiter(1, 100);
    const first = await as("flood", async () => limiter.enter("x", forever));
    const order: string[] = [];
    const wait = (tenant: string, name: string, request?: unknown): Promise<void> =>
      as(
        tenant,
        async () => {
          const seat = seated(await limiter.enter("x", forever));
          order.push(name);
          await turn();
          seat.leave();
        },
        request,
      );
    const big = {};
    const all = [
      ...Array.from({ length: 3 }, () => wait("flood", "big", big)),
      wait("flood", "small"),
      wait("other", "other"),
    ];
    seated(first).leave();
    await Promise.all(all);
    assert.deepEqual(order, ["big", "other", "small", "big", "big"]);
  });

  it("of a full line the one loses his who has the most there, not whoever comes last", async () => {
    const limiter = new Limiter(1, 3);
    await as("flood", async () => limiter.enter("x", forever));
    const floods = Array.from({ length: 3 }, () => as("flood", async () => limiter.enter("x", forever)));
    const other = as("other", async () => limiter.enter("x", AbortSignal.timeout(20)));
    assert.equal(await Promise.race([...floods, other]), "full");
    assert.equal(await other, "aborted", "it was in line until its own time was over");
  });

  it("nobody enters whose time is over", async () =>
    assert.equal(await new Limiter(1, 1).enter("x", AbortSignal.abort()), "aborted"));
});

describe("memory for bodies", () => {
  it("is bounded for one registry and for all", () => {
    const budget = new BufferBudget(10, 20);
    const [a, b] = [budget.open("a", "one"), budget.open("b", "other")];
    assert.ok(a.take(10));
    assert.ok(!a.take(1), "over the registry's own");
    assert.ok(b.take(5));
    assert.ok(!b.take(1), "more than is left");
    assert.ok(budget.open("c", "third").take(2));
    assert.ok(!budget.open("d", "fourth").take(4), "over all");
    a.release();
    assert.ok(budget.open("d", "fourth").take(6));
  });

  it("is not held by one tenant alone, in one registry or in many", () => {
    const budget = new BufferBudget(40, 80);
    const own = budget.open("a", "flood");
    assert.ok(own.take(30));
    assert.ok(!own.take(1), "a quarter of the registry's is left to others");
    assert.ok(budget.open("a", "other").take(10));
    for (const registry of ["b", "c"]) budget.open(registry, "flood").take(10);
    assert.ok(!budget.open("d", "flood").take(10), "half of all");
    assert.ok(budget.open("d", "other").take(10));
  });
});

describe("asking again", () => {
  it("only what is transient", () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504]) assert.ok(isTransient(status), `${status}`);
    for (const status of [200, 301, 400, 401, 403, 404, 405]) assert.ok(!isTransient(status), `${status}`);
  });
  const now = Date.parse("2026-01-01T00:00:00Z");
  const headers: readonly (readonly [header: string | undefined, expected: number | undefined])[] = [
    [undefined, undefined],
    ["0", 0],
    ["3", 3000],
    [" 3 ", 3000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 23:59:59 GMT", 0],
    ["soon", undefined],
    ["-1", undefined],
  ];
  for (const [header, expected] of headers)
    it(`Retry-After: ${header}`, () => {
      // Date.parse takes "-1" for a year, long past.
      const found = retryAfter(header, now);
      assert.equal(header === "-1" ? undefined : found, expected);
    });
});
