import assert from "node:assert/strict";
import { createStore, type Store } from "../../../kube/cache/store.ts";

/** What happens to one key, in this order, and the value that stands at the end. */
type Row = readonly [string, (store: Store<string>) => void, string | undefined];

const RESTORED = (store: Store<string>): void => {
  store.reached("40");
  store.learn("k", "lost", "50");
  store.reached("20");
};

const rows: readonly Row[] = [
  ["an answer comes before the watch", (store) => store.learn("k", "mine", "11"), "mine"],
  [
    "the watch is there already",
    (store) => {
      store.set("k", "newer", "12");
      store.reached("12");
      store.learn("k", "mine", "11");
    },
    "newer",
  ],
  [
    "the watch has told of its end",
    (store) => {
      store.delete("k", "12");
      store.reached("12");
      store.learn("k", "mine", "11");
    },
    undefined,
  ],
  [
    "the watch is late",
    (store) => {
      store.learn("k", "mine", "12");
      store.set("k", "older", "11");
    },
    "mine",
  ],
  [
    "the watch is late with the end of the one before",
    (store) => {
      store.learn("k", "mine", "12");
      store.delete("k", "11");
    },
    "mine",
  ],
  [
    "the watch catches up and goes on",
    (store) => {
      store.learn("k", "mine", "12");
      store.set("k", "mine", "12");
      store.set("k", "newer", "13");
    },
    "newer",
  ],
  [
    "two answers come the wrong way round",
    (store) => {
      store.learn("k", "second", "12");
      store.learn("k", "first", "11");
    },
    "second",
  ],
  [
    "versions grow by a digit",
    (store) => {
      store.learn("k", "mine", "100");
      store.set("k", "older", "99");
    },
    "mine",
  ],
  [
    "the cluster was restored, and its list has another",
    (store) => {
      RESTORED(store);
      store.set("k", "of the backup", "20");
    },
    "of the backup",
  ],
  [
    "the cluster was restored, and its list has none",
    (store) => {
      RESTORED(store);
      store.delete("k", "20");
    },
    undefined,
  ],
];

describe("a store of what the watch tells and what answers teach", () => {
  const empty = (): Store<string> => createStore({ onError: (error) => assert.fail(String(error)) });

  for (const [what, happens, value] of rows)
    it(`has ${value === undefined ? "nothing" : `"${value}"`} where ${what}`, () => {
      const store = empty();
      store.reached("10");
      happens(store);
      assert.equal(store.get("k"), value);
    });

  it("tells of what the watch has told once, though the answer says it again", () => {
    const store = empty();
    const told: (string | undefined)[] = [];
    store.onChange((_key, _before, after) => told.push(after));
    store.set("k", "mine", "11");
    store.reached("11");
    store.learn("k", "mine", "11");
    assert.deepEqual(told, ["mine"]);
  });
});
