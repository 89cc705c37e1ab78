import assert from "node:assert/strict";
import { createPodProjection, type PodRecord } from "../../../operator/cluster/pods.ts";
import { createRunningDigests, podRuns } from "../../../operator/cluster/runningDigests.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const C = `sha512:${"c".repeat(128)}`;

const HEX = "a".repeat(64);
const APP = "registry.company.com/app";

interface Status {
  readonly imageID: string;
  readonly image?: string;
  readonly state?: object;
  readonly lastState?: object;
  readonly volumeMounts?: readonly object[];
}

interface Says {
  /** What the pod asks for. */
  readonly asks?: string;
  readonly status?: Status;
  readonly list?: string;
  readonly phase?: string;
  readonly namespace?: string;
}

const RUNNING = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const WAITING = { waiting: { reason: "ImagePullBackOff" } };
const ENDED = { terminated: { exitCode: 0 } };

const project = createPodProjection(() => new Set());
const pod = (
  name: string,
  { asks = "app:v1", status, list = "containerStatuses", phase = "Running", namespace = "team" }: Says,
): PodRecord =>
  project({
    metadata: { name, namespace, uid: `uid-${namespace}-${name}`, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { containers: [{ name: "web", image: asks }] },
    status: { phase, ...(status === undefined ? {} : { [list]: [{ name: "web", state: RUNNING, ...status }] }) },
  });
const runs = (imageID: string): Says => ({ status: { imageID } });

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

const NO_CONFIGS = (): never => assert.fail("nothing runs by its ID alone");

describe("which images run in a namespace", () => {
  const table: readonly (readonly [why: string, says: Says, expected: boolean])[] = [
    ["what the runtime reports", runs(`${APP}@${A}`), true],
    ["with docker's scheme", runs(`docker-pullable://${APP}@${A}`), true],
    [
      "of an init container that runs beside the others",
      { ...runs(`${APP}@${A}`), list: "initContainerStatuses" },
      true,
    ],
    ["of an ephemeral container", { ...runs(`${APP}@${A}`), list: "ephemeralContainerStatuses" }, true],
    [
      "an image volume that is mounted",
      {
        status: {
          imageID: `other.example/x@${B}`,
          volumeMounts: [{ name: "data", volumeStatus: { image: { imageRef: `${APP}@${A}` } } }],
        },
      },
      true,
    ],
    // A node that has the same content from two repositories reports the imageID of the first in the alphabet.
    [
      "another repository's imageID under this name",
      { status: { imageID: `a.example/x@${A}`, image: `${APP}:v1` } },
      true,
    ],
    ["another repository", runs(`elsewhere.example/app@${A}`), false],
    ["another repository of the same host", runs(`${APP}2@${A}`), false],
    ["another digest", runs(`${APP}@${B}`), false],
    ["a digest that differs at its end", runs(`${APP}@${A.slice(0, -1)}b`), false],
    ["a digest that differs at its beginning", runs(`${APP}@sha256:b${A.slice(8)}`), false],
    ["what the pod asks for and has not got", { asks: `${APP}@${A}` }, false],
    [
      "what a running container is to become",
      { asks: `${APP}@${A}`, status: { imageID: `${APP}@${B}`, image: `${APP}:v1` } },
      false,
    ],
    ["what a container waits for", { status: { imageID: `${APP}@${A}`, state: WAITING } }, false],
    ["what a container was", { status: { imageID: `${APP}@${A}`, state: ENDED } }, false],
    ["what a container was before", { status: { imageID: "", state: WAITING, lastState: RUNNING } }, false],
    ["a container of which no state is known", { status: { imageID: `${APP}@${A}`, state: {} } }, false],
    ["a state that is none", { status: { imageID: `${APP}@${A}`, state: { running: true } } }, false],
    [
      "an image volume of a container that waits",
      {
        status: {
          imageID: "",
          state: WAITING,
          volumeMounts: [{ name: "data", volumeStatus: { image: { imageRef: `${APP}@${A}` } } }],
        },
      },
      false,
    ],
    ["a digest that is cut off", runs(`${APP}@${A.slice(0, -1)}`), false],
    ["a name that is none", runs(`UPPER/case@${A}`), false],
    ["nothing reported", {}, false],
    ["a pod that is Pending runs nothing", { ...runs(`${APP}@${A}`), phase: "Pending" }, false],
    ["a pod that has ended runs nothing", { ...runs(`${APP}@${A}`), phase: "Succeeded" }, false],
    ["a pod that failed runs nothing", { ...runs(`${APP}@${A}`), phase: "Failed" }, false],
    ["a pod of another namespace", { ...runs(`${APP}@${A}`), namespace: "other" }, false],
  ];
  for (const [why, says, expected] of table) {
    it(`${why}: ${expected}`, () => {
      assert.equal(createRunningDigests(store(pod("web", says))).runs("team", APP, [A], NO_CONFIGS), expected);
    });
  }

  it("by SHA-512, and by Docker Hub's short name", () => {
    const pods = store(pod("one", runs(`${APP}@${C}`)), pod("two", runs(`docker-pullable://nginx@${A}`)));
    const running = createRunningDigests(pods);
    assert.equal(running.runs("team", APP, [C], NO_CONFIGS), true);
    assert.equal(running.runs("team", "docker.io/library/nginx", [A], NO_CONFIGS), true);
  });

  it("by the digest of a config, where the runtime reports nothing else", () => {
    for (const imageID of [A, `docker://${A}`, HEX, `docker://${HEX}`]) {
      const named = store(pod("web", { status: { imageID, image: `${APP}:v1` } }));
      const running = createRunningDigests(named);
      assert.equal(
        running.runs("team", APP, [B], () => [B, A]),
        true,
        imageID,
      );
      assert.equal(
        running.runs("team", APP, [B], () => [B]),
        false,
        imageID,
      );
      assert.equal(running.runs("team", APP, [A], NO_CONFIGS), true, "Docker's containerd store: the manifest's");
      assert.equal(running.runs("team", `${APP}2`, [B], NO_CONFIGS), false, "of another name");
      const unnamed = createRunningDigests(store(pod("web", { asks: `${APP}:v1`, status: { imageID } })));
      assert.equal(unnamed.runs("team", APP, [A], NO_CONFIGS), false, "a name that only the pod says");
    }
  });

  it("is known until the last pod that runs it is gone, ends, waits or changes", () => {
    const one = pod("one", runs(`${APP}@${A}`));
    const two = pod("two", runs(`${APP}@${A}`));
    const pods = store(one, two);
    const running = createRunningDigests(pods);
    const say = (digest = A): unknown => running.runs("team", APP, [digest], NO_CONFIGS);
    assert.ok(say());
    pods.set(one.uid, undefined);
    assert.ok(say(), "the other one runs it");
    pods.set(two.uid, pod("two", runs(`${APP}@${B}`)));
    assert.deepEqual([say(), say(B)], [false, true]);
    pods.set(two.uid, pod("two", { status: { imageID: `${APP}@${B}`, state: WAITING } }));
    assert.equal(say(B), false);
    pods.set(two.uid, pod("two", runs(`${APP}@${B}`)));
    pods.set(two.uid, pod("two", { ...runs(`${APP}@${B}`), phase: "Failed" }));
    assert.equal(say(B), false);
    pods.set("uid-team-three", pod("three", runs(`${APP}@${A}`)));
    assert.ok(say());
    assert.ok(running.runs("team", APP, [B, A], NO_CONFIGS), "one of several is enough");
    assert.equal(running.runs("team", APP, [], NO_CONFIGS), false);
  });

  it("two containers of one image are one pod", () => {
    const container = (name: string): object => ({ name, state: RUNNING, imageID: `${APP}@${A}` });
    const both = project({
      metadata: { name: "both", namespace: "team", uid: "both" },
      spec: { containers: [{ name: "a" }, { name: "b" }] },
      status: { phase: "Running", containerStatuses: [container("a"), container("b")] },
    });
    const pods = store(both);
    const running = createRunningDigests(pods);
    assert.ok(running.runs("team", APP, [A], NO_CONFIGS));
    pods.set("both", undefined);
    assert.equal(running.runs("team", APP, [A], NO_CONFIGS), false);
  });

  it("a pod is about a digest that it runs or asks for", () => {
    assert.ok(podRuns(pod("web", runs(`app@${A}`)), new Set([A])));
    assert.ok(podRuns(pod("web", { asks: `app@${A}` }), new Set([A])));
    assert.ok(!podRuns(pod("web", { asks: `app@${A}`, status: { imageID: A } }), new Set([B])));
  });
});
