import assert from "node:assert/strict";
import { Workload } from "../../../operator/audit/workload.ts";

describe("the workload of an audit", () => {
  it("gives what changed first, then what a policy concerns, then the rest, each pod once", () => {
    const work = new Workload();
    for (const key of ["a", "b", "c", "d"]) work.pass(key);
    work.concerned("c");
    work.concerned("d");
    work.changed("d");
    const taken: string[] = [];
    for (let key = work.take(() => true); key !== undefined; key = work.take(() => true)) taken.push(key);
    assert.deepEqual(taken, ["d", "c", "a", "b"]);
    assert.equal(work.size(), 0);
  });
});
