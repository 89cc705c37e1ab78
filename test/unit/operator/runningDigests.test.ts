import assert from "node:assert/strict";
import { createPodProjection, type PodRecord } from "../../../operator/cluster/pods.ts";
import { createRunningDigests, podRuns } from "../../../operator/cluster/runningDigests.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const C = `sha512:${"c".repeat(128)}`;

interface Says {
  readonly image?: string;
  readonly imageID?: string;
  readonly phase?: string;
  readonly namespace?: string;
}

const project = createPodProjection(() => new Set());
const pod = (name: string, { image = "app:v1", imageID, phase = "Running", namespace = "team" }: Says): PodRecord =>
  project({
    metadata: { name, namespace, uid: `uid-${namespace}-${name}`, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { containers: [{ name: "web", image }] },
    status: { phase, ...(imageID === undefined ? {} : { containerStatuses: [{ name: "web", imageID }] }) },
  });

/** A store that is told what changes. */
function store(...first: readonly PodRecord[]) {
  const pods = new Map(first.map((one) => [one.uid, one]));
  const listeners: ((key: string, before: PodRecord | undefined, after: PodRecord | undefined) => void)[] = [];
  return {
    values: () => pods.values(),
    onChange: (listener: (typeof listeners)[number]) => {
      listeners.push(listener);
      return () => undefined;
    },
    set: (uid: string, after: PodRecord | undefined) => {
      const before = pods.get(uid);
      if (after === undefined) pods.delete(uid);
      else pods.set(uid, after);
      for (const listener of listeners) listener(uid, before, after);
    },
  };
}

describe("which digests run in a namespace", () => {
  const table: readonly (readonly [why: string, says: Says, digest: string, expected: boolean])[] = [
    ["what the runtime reports", { imageID: `registry.company.com/app@${A}` }, A, true],
    ["with docker's scheme", { imageID: `docker-pullable://app@${A}` }, A, true],
    ["by SHA-512", { imageID: `app@${C}` }, C, true],
    ["what the pod asks for", { image: `app:v1@${B}` }, B, true],
    ["a platform child beside the index that was asked for", { image: `app@${A}`, imageID: `app@${B}` }, B, true],
    ["another digest", { imageID: `app@${A}` }, B, false],
    ["a bare config digest is no image's", { imageID: A }, A, false],
    ["a digest that is cut off", { imageID: `app@${A.slice(0, -1)}` }, A.slice(0, -1), false],
    ["nothing reported", {}, A, false],
    ["a pod that is Pending runs nothing", { image: `app@${A}`, phase: "Pending" }, A, false],
    ["a pod that has ended runs nothing", { imageID: `app@${A}`, phase: "Succeeded" }, A, false],
    ["a pod that failed runs nothing", { imageID: `app@${A}`, phase: "Failed" }, A, false],
    ["a pod of another namespace", { imageID: `app@${A}`, namespace: "other" }, A, false],
  ];
  for (const [why, says, digest, expected] of table) {
    it(`${why}: ${expected}`, () => {
      assert.equal(createRunningDigests(store(pod("web", says))).runs("team", [digest]), expected);
    });
  }

  it("is known until the last pod that runs it is gone, ends or changes", () => {
    const one = pod("one", { imageID: `app@${A}` });
    const two = pod("two", { imageID: `app@${A}` });
    const pods = store(one, two);
    const running = createRunningDigests(pods);
    const runs = (digest = A): boolean => running.runs("team", [digest]);
    assert.ok(runs());
    pods.set(one.uid, undefined);
    assert.ok(runs(), "the other one runs it");
    pods.set(two.uid, pod("two", { imageID: `app@${B}` }));
    assert.deepEqual([runs(), runs(B)], [false, true]);
    pods.set(two.uid, pod("two", { imageID: `app@${B}`, phase: "Failed" }));
    assert.equal(runs(B), false);
    pods.set("uid-team-three", pod("three", { imageID: `app@${A}` }));
    assert.ok(runs());
    assert.ok(running.runs("team", [B, A]), "one of several is enough");
    assert.equal(running.runs("team", []), false);
  });

  it("two containers of one digest are one pod", () => {
    const both = project({
      metadata: { name: "both", namespace: "team", uid: "both" },
      spec: {
        containers: [
          { name: "a", image: `app@${A}` },
          { name: "b", image: `app@${A}` },
        ],
      },
      status: { phase: "Running" },
    });
    const pods = store(both);
    const running = createRunningDigests(pods);
    assert.ok(running.runs("team", [A]));
    pods.set("both", undefined);
    assert.equal(running.runs("team", [A]), false);
  });

  it("a pod is about a digest that it runs or asks for", () => {
    assert.ok(podRuns(pod("web", { imageID: `app@${A}` }), new Set([A])));
    assert.ok(podRuns(pod("web", { image: `app@${A}` }), new Set([A])));
    assert.ok(!podRuns(pod("web", { image: `app@${A}`, imageID: A }), new Set([B])));
  });
});
