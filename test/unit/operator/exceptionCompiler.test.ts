import assert from "node:assert/strict";
import { createExceptionCompiler } from "../../../operator/policies/exceptionCompiler.ts";
import { createPolicyCompiler } from "../../../operator/policies/policyCompiler.ts";
import { projectException, type ExceptionRecord } from "../../../operator/policies/policies.ts";
import { at, DAY } from "../policy/excepting.ts";
import { NOW } from "../policy/judging.ts";

const record = (name: string, { generation = 1, expires = NOW + DAY, uid = `uid-${name}` } = {}): ExceptionRecord =>
  projectException({
    apiVersion: "imagesecurity.dev/v1",
    kind: "ImageSecurityException",
    metadata: { name, uid, generation, resourceVersion: "1", creationTimestamp: at(NOW), managedFields: [{}] },
    spec: {
      policies: ["*"],
      rules: ["All"],
      match: { namespaces: ["legacy"] },
      reason: "x",
      expires: at(expires),
    },
  });

describe("compiling the cluster's exceptions", () => {
  let records: ExceptionRecord[];
  const compile = createExceptionCompiler({ exceptions: () => records, maxDuration: 90 * DAY, now: () => NOW });

  it("gives them in the order of their names, those too that are refused", () => {
    records = [record("b"), record("c", { expires: NOW + 91 * DAY }), record("a")];
    assert.deepEqual(
      compile().map(({ name, refused }) => [name, refused?.reason]),
      [
        ["a", undefined],
        ["b", undefined],
        ["c", "TooLong"],
      ],
    );
  });
  it("keeps the very object of what has not changed, and counts from when it was made", () => {
    records = [record("a"), record("b"), record("c")];
    const [a, b, c] = compile();
    records = [record("a"), record("b", { generation: 2 }), record("c", { uid: "another" })];
    const again = compile();
    assert.equal(again[0], a);
    assert.notEqual(again[1], b);
    assert.notEqual(again[2], c);
  });
  it("forgets what is gone", () => {
    records = [record("a")];
    const [before] = compile();
    records = [];
    assert.deepEqual(compile(), []);
    records = [record("a")];
    assert.notEqual(compile()[0], before);
  });
  it("makes another set of policies where one comes, changes or goes", () => {
    const set = createPolicyCompiler({
      policies: () => [],
      exceptions: compile,
      references: {
        resolve: () => assert.fail("nothing is referred to"),
        during: (work) => ({ value: work(), pending: false }),
      },
    });
    records = [];
    const keys = [set()?.key];
    records = [record("a")];
    keys.push(set()?.key, set()?.key);
    records = [record("a", { generation: 2, expires: NOW + 2 * DAY })];
    keys.push(set()?.key);
    assert.equal(keys[1], keys[2], "nothing has changed");
    assert.equal(new Set(keys).size, 3);
  });
});
