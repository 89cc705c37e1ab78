import assert from "node:assert/strict";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import { LookAgain } from "../../../evidence/lookAgain.ts";
import { AnswerKeeper } from "../../../evidence/registry/cache/answerKeeper.ts";
import { EvidenceCache } from "../../../evidence/registry/cache/evidenceCache.ts";
import { CACHE_TIMES } from "../../../evidence/registry/settings.ts";
import { recordMetrics } from "./registry/support/readers.ts";

const DAY = 86_400_000;
// What LookAgain reads of a policy.
const policy = { name: "signed", uid: "1", lookAgain: "now" } as CompiledPolicy;

describe("looking again where the clock was ahead, and is set back", () => {
  it("wants what was had since the clock was set back, and not what only comes in a day", () => {
    let now = DAY;
    let told = 0;
    const again = new LookAgain(
      () => now,
      () => (told += 1),
    );
    assert.equal(again.since([policy]), DAY);
    now = 1_000;
    assert.equal(again.since([policy]), 1_000);
    now = 2_000;
    assert.equal(again.since([policy]), 1_000, "once");
    assert.equal(told, 2);
  });

  it("lets answers of registries be used again", () => {
    let now = DAY;
    const cache = new EvidenceCache(1_000_000);
    const keeper = new AnswerKeeper({ cache, times: CACHE_TIMES, metrics: recordMetrics(), clock: () => now });
    keeper.renew();
    now = 1_000;
    const question = { key: "k", kind: "tag", time: 60_000, load: () => "content" } as const;
    assert.equal(keeper.peek(question), undefined);
    keeper.remember("k", "sha256:1");
    now = 2_000;
    assert.deepEqual(keeper.peek(question), { status: "verified", value: "content" });
  });

  it("uses no answer from before, also when the clock gets there once more", () => {
    let now = 10_000;
    const cache = new EvidenceCache(1_000_000);
    const keeper = new AnswerKeeper({ cache, times: CACHE_TIMES, metrics: recordMetrics(), clock: () => now });
    const question = { key: "k", kind: "tag", time: 60_000, load: () => "content" } as const;
    keeper.remember("k", "sha256:1");
    now = 20_000;
    keeper.renew();
    for (now of [5_000, 10_500, 20_500]) assert.equal(keeper.peek(question), undefined, `${now}`);
  });
});
