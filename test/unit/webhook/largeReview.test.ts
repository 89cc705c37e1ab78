import assert from "node:assert/strict";
import { createTurns } from "../../../async/turns.ts";
import { refusalOf } from "../../../webhook/server/largeReview.ts";
import { pod, request, review } from "./support/requests.ts";

const many = (count: number, make: (nth: number) => readonly [string, unknown]): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, nth) => make(nth)));
/** As the API server writes it. */
const written = (object: Readonly<Record<string, unknown>>): string => {
  const { uid, ...rest } = request("Pod", object);
  return `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${JSON.stringify({ uid, ...rest })}}`;
};
/** A clock that stands still: all at once. */
const judge = async (text: string) => createTurns(() => 0).run(refusalOf(Buffer.from(text)));

const labels = (count: number) => ({ metadata: { labels: many(count, (nth) => [`label-${nth}`, ""]) }, spec: {} });

describe("refusalOf", () => {
  it("refuses what JSON.parse would take long for, and answers by the request's uid", async () => {
    for (const [object, problem] of [
      [labels(100_000), "different keys"],
      [{ metadata: { finalizers: Array.from({ length: 200_000 }, () => "a") } }, "values"],
    ] as const) {
      const refusal = await judge(written(object));
      assert.ok(refusal?.status === "answered");
      const { response } = refusal;
      assert.equal(response.allowed, false);
      assert.equal(response.uid, request("Pod", {}).uid);
      assert.match(response.status?.message ?? "", new RegExp(`${problem}.* not judged`));
    }
  });

  it("has only a line for what does not begin as the API server's reviews", async () => {
    const text = review(request("Pod", labels(100_000))).replace('{"', '{ "');
    assert.equal((await judge(text))?.status, "refused");
    const elsewhere = written(labels(100_000)).replace('"request":{"uid"', '"request":{"x":{"uid":"forged"},"uid"');
    assert.equal((await judge(elsewhere))?.status, "refused", "a uid that is none");
  });

  it("passes what is large because its texts are", async () => {
    const text = written(pod(["a.b/c"], { annotations: { note: "x".repeat(3 * 1024 * 1024) } }));
    assert.equal(await judge(text), undefined);
    assert.equal(await judge(written(labels(1_000))), undefined);
  });

  it("takes a step for every 64 KiB", () => {
    const text = written({ note: "x".repeat(1024 * 1024) });
    assert.equal([...refusalOf(Buffer.from(text))].length, Math.ceil(text.length / 65_536));
    assert.equal([...refusalOf(Buffer.from(written({})))].length, 0);
  });
});
