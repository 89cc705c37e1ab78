import assert from "node:assert/strict";
import { Asker } from "../../../../async/shares/asker.ts";
import { onBehalfOf, Party } from "../../../../async/shares/party.ts";
import { type ListSource, ReferrerLists } from "../../../../evidence/registry/referrerLists.ts";
import type { Descriptor } from "../../../../evidence/registry/repository.ts";
import { CACHE_TIMES } from "../../../../evidence/registry/settings.ts";
import { recordMetrics } from "./support/readers.ts";

const forever = new AbortController().signal;

const limits = { pages: 100, listBytes: 100, allListsBytes: 200 };
const lists = (): ReferrerLists =>
  new ReferrerLists({ bytes: 100_000, limits, times: CACHE_TIMES, metrics: recordMetrics(), clock: () => 0 });

const descriptor = (text: string): Descriptor => ({ mediaType: "x/y", digest: `sha256:${text}`, size: 1 });

/** A list of `pages` pages of `size` bytes, one descriptor on each. */
const source = (key: string, pages: number, size: number): ListSource => {
  let page = 0;
  return {
    key,
    letIn: true,
    fetch: async () => {
      page += 1;
      const next = page < pages ? { next: new URL(`http://registry.example/${key}/${page}`) } : {};
      return { status: "verified", value: { descriptors: [descriptor(`${key}${page}`)], size, ...next } };
    },
  };
};

const read = async (from: ReferrerLists, ...sources: readonly ListSource[]): Promise<string> =>
  (await Array.fromAsync(from.read(sources, "late", forever)))
    .map((page) => (page.status === "unavailable" ? page.cause : page.status))
    .join(" ");

it("lists of referrers are read again when somebody asks to look again, in the same millisecond as well", async () => {
  const kept = new ReferrerLists({
    bytes: 100_000,
    limits,
    times: CACHE_TIMES,
    metrics: recordMetrics(),
    clock: () => 1_000,
  });
  let asked = 0;
  const one = source("a", 1, 10);
  const counted: ListSource = { ...one, fetch: (flight, page) => ((asked += 1), one.fetch(flight, page)) };
  const readings = async (): Promise<number> => {
    for (let time = 0; time < 2; time += 1) assert.equal(await read(kept, counted), "verified");
    return asked;
  };
  assert.equal(await readings(), 1);
  kept.renew();
  assert.equal(await readings(), 2);
});

it("lists of referrers are read once again where the clock was ahead when they were renewed", async () => {
  let now = 86_400_000;
  const kept = new ReferrerLists({
    bytes: 100_000,
    limits,
    times: CACHE_TIMES,
    metrics: recordMetrics(),
    clock: () => now,
  });
  kept.renew();
  now = 1_000;
  let asked = 0;
  const one = source("a", 1, 10);
  const counted: ListSource = { ...one, fetch: (flight, page) => ((asked += 1), one.fetch(flight, page)) };
  for (let time = 0; time < 3; time += 1) assert.equal(await read(kept, counted), "verified");
  assert.equal(asked, 1);
});

describe("how much of referrers is held in memory", () => {
  it("a list up to its limit is read whole, a longer one is invalid from there on", async () => {
    assert.equal(await read(lists(), source("a", 10, 10)), Array(10).fill("verified").join(" "));
    assert.equal(await read(lists(), source("a", 11, 10)), `${Array(10).fill("verified").join(" ")} invalid`);
    assert.equal(await read(lists(), source("a", 1, 101)), "invalid");
  });

  it("long lists of one tenant at once share what there is, and leave room for a short one of another", async () => {
    const all = lists();
    const long = ["a", "b", "c"].map((key) => all.read([source(key, 5, 20)], "late", forever));
    const ends: string[] = [];
    const [flood, other] = [new Party(new Asker("flood", {})), new Party(new Asker("other", {}))];
    for (let turn = 0; turn < 6; turn += 1) {
      for (const list of long) {
        const { done, value } = await onBehalfOf(flood, () => list.next());
        if (done !== true) ends.push(value.status === "unavailable" ? value.cause : value.status);
        const short = source(`short ${ends.length}`, 1, 10);
        assert.equal(await onBehalfOf(other, () => read(all, short)), "verified");
      }
    }
    assert.equal(ends.filter((end) => end === "overloaded").length, 2, ends.join(" "));
  });

  it("whoever has stopped reading gives the room back, at the end or before it", async () => {
    const all = lists();
    for (let nth = 0; nth < 10; nth += 1) {
      assert.equal(await read(all, source(`whole${nth}`, 4, 20)), "verified verified verified verified");
      const left = all.read([source(`left${nth}`, 4, 20)], "late", forever);
      assert.equal((await left.next()).value?.status, "verified");
      await left.return(undefined);
    }
    assert.equal(await read(all, source("last", 4, 20)), "verified verified verified verified");
  });

  it("two readers of one list hold it once", async () => {
    const all = lists();
    const shared = source("a", 4, 20);
    assert.deepEqual(await Promise.all([read(all, shared), read(all, shared)]), [
      "verified verified verified verified",
      "verified verified verified verified",
    ]);
  });
});

describe("lists that fail for one credential", () => {
  const ends = (status: "serverError" | "unauthorised" | "absent", more: Partial<ListSource> = {}): ListSource => ({
    key: `${status} ${JSON.stringify(more)}`,
    letIn: false,
    fetch: async () =>
      status === "absent" ? { status, message: "none" } : { status: "unavailable", cause: status, message: "no" },
    ...more,
  });
  const own = { ofPod: true } as const;
  const table: readonly (readonly [why: string, sources: readonly ListSource[], told: string])[] = [
    ["of the pod's, where others are refused", [ends("serverError", own), ends("unauthorised")], "serverError"],
    ["of the pod's, where others read it", [ends("serverError", own), source("a", 2, 10)], "verified verified"],
    ["of the operator's", [ends("serverError"), source("b", 2, 10)], "serverError"],
  ];
  for (const [why, sources, told] of table) it(why, async () => assert.equal(await read(lists(), ...sources), told));
});
