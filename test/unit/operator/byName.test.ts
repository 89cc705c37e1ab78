import assert from "node:assert/strict";
import { byName } from "../../../operator/policies/byName.ts";
import { policySet } from "../../stream/policies.ts";

describe("a part of the newest policy set by its name", () => {
  it("is that of the newest", () => {
    const sets = [policySet({ a: {}, b: {} }), policySet({ b: {}, c: {} }, 2)];
    let newest: (typeof sets)[number] | undefined;
    const find = byName(
      () => newest,
      ({ policies }) => policies,
    );
    assert.equal(find("a"), undefined);
    for (const set of sets) {
      newest = set;
      for (const name of ["a", "b", "c", "__proto__"])
        assert.equal(
          find(name),
          set.policies.find((policy) => policy.name === name),
          name,
        );
    }
    newest = undefined;
    assert.equal(find("b"), undefined);
  });

  it("is found without looking through all of them for each", () => {
    let reads = 0;
    const set = policySet(Object.fromEntries(Array.from({ length: 100 }, (_, nth) => [`p${nth}`, {}])));
    const policies = set.policies.map((policy) => ({
      ...policy,
      get name() {
        reads += 1;
        return policy.name;
      },
    }));
    const find = byName(
      () => set,
      () => policies,
    );
    for (const { name } of set.policies) assert.notEqual(find(name), undefined);
    assert.equal(reads, policies.length);
  });
});
