import assert from "node:assert/strict";
import type { KubeClient, KubeResponse } from "../../../kube/kubeClient.ts";
import { NamespaceReads } from "../../../operator/cluster/namespaceReads.ts";

const found = (labels: object): KubeResponse => ({
  status: 200,
  body: { kind: "Namespace", metadata: { labels } },
  size: 1,
});
const MISSING: KubeResponse = { status: 404, body: {}, size: 1 };

describe("NamespaceReads", () => {
  const start = (
    answer: (name: string) => KubeResponse | Promise<KubeResponse>,
  ): { readonly reads: NamespaceReads; readonly asked: string[]; readonly pass: (milliseconds: number) => void } => {
    const asked: string[] = [];
    let now = 0;
    const client: KubeClient = {
      request: async (_method, path) => {
        const name = path.split("/").at(-1) ?? "";
        asked.push(name);
        return answer(name);
      },
      open: () => assert.fail("no watch"),
      close: async () => undefined,
    };
    return { reads: new NamespaceReads(client, () => now), asked, pass: (time) => (now += time) };
  };

  for (const [what, answer, expected] of [
    ["labels", found({ a: "b" }), { a: "b" }],
    ["there is none", MISSING, undefined],
  ] as const)
    it(`serves an answer for a second: ${what}`, async () => {
      const { reads, asked, pass } = start(() => answer);
      for (let review = 0; review < 100; review += 1) {
        assert.deepEqual(await reads.get("new"), expected);
        pass(9);
      }
      assert.equal(asked.length, 1);
      pass(100);
      await reads.get("new");
      assert.equal(asked.length, 2);
    });

  it("makes one request of many questions at once", async () => {
    const { promise, resolve } = Promise.withResolvers<KubeResponse>();
    const { reads, asked } = start(() => promise);
    const answers = Array.from({ length: 200 }, () => reads.get("new"));
    resolve(found({ a: "b" }));
    assert.deepEqual(
      (await Promise.all(answers)).filter((labels) => labels?.["a"] !== "b"),
      [],
    );
    assert.deepEqual(asked, ["new"]);
  });

  it("keeps no failure", async () => {
    let answer: KubeResponse = { status: 500, body: {}, size: 1 };
    const { reads } = start(() => answer);
    await assert.rejects(reads.get("new"));
    answer = found({});
    assert.deepEqual(await reads.get("new"), {});
  });

  it("begins 50 reads a second and has 16 on their way, whatever is asked", async () => {
    const { reads, asked, pass } = start(() => MISSING);
    const ask = async (name: string): Promise<boolean> =>
      reads.get(name).then(
        () => true,
        () => false,
      );
    let answered = 0;
    for (let review = 0; review < 500; review += 1) if (await ask(`made-up-${review}`)) answered += 1;
    assert.deepEqual([answered, asked.length], [50, 50]);
    pass(1_000);
    assert.ok(await ask("real"));

    const hanging = start(() => new Promise(() => undefined));
    for (let review = 0; review < 100; review += 1) void hanging.reads.get(`made-up-${review}`).catch(() => undefined);
    await assert.rejects(hanging.reads.get("real"), /too many namespaces/);
    assert.equal(hanging.asked.length, 16);
  });

  it("reads nothing that no namespace can be called", async () => {
    const { reads, asked } = start(() => MISSING);
    for (const name of ["", "a/b", "..", "Upper", "x".repeat(64), "a b"])
      assert.equal(await reads.get(name), undefined, name);
    assert.deepEqual(asked, []);
  });
});
