import assert from "node:assert/strict";
import { isMirrorPod } from "../../../webhook/review/mirrorPod.ts";
import { pod, request, workload } from "./support/requests.ts";

const annotations = { "kubernetes.io/config.mirror": "a1b2" };
const mirror = pod(["evil.example/x"], { annotations, nodeName: "node-1" });
const plain = pod(["evil.example/x"], { nodeName: "node-1" });
const kubelet = { username: "system:node:node-1", groups: ["system:nodes", "system:authenticated"] };

describe("isMirrorPod", () => {
  it("is what a kubelet writes of its own static pod", () => {
    assert.ok(isMirrorPod(request("Pod", mirror, { userInfo: kubelet }), mirror, undefined));
    assert.ok(isMirrorPod(request("Pod", mirror, { userInfo: kubelet, oldObject: mirror }), mirror, mirror));
    const empty = pod(["x"], { annotations: { "kubernetes.io/config.mirror": "" }, nodeName: "node-1" });
    assert.ok(
      isMirrorPod(request("Pod", empty, { userInfo: kubelet }), empty, undefined),
      "presence counts, not the value",
    );
  });

  const others: readonly (readonly [why: string, userInfo: typeof kubelet, object: typeof mirror])[] = [
    ["the annotation from a user", { username: "alice", groups: ["system:authenticated"] }, mirror],
    ["the annotation from a cluster administrator", { username: "admin", groups: ["system:masters"] }, mirror],
    ["a node without the annotation", kubelet, plain],
    ["another node's pod", { ...kubelet, username: "system:node:node-2" }, mirror],
    ["a node's name without its group", { ...kubelet, groups: ["system:authenticated"] }, mirror],
    ["a member of the group with another name", { ...kubelet, username: "node-1" }, mirror],
    ["a pod of no node", { ...kubelet, username: "system:node:" }, pod(["x"], { annotations })],
    ["an empty node name", { ...kubelet, username: "system:node:" }, pod(["x"], { annotations, nodeName: "" })],
  ];
  for (const [why, userInfo, object] of others) {
    it(`is not ${why}`, () => assert.ok(!isMirrorPod(request("Pod", object, { userInfo }), object, undefined)));
  }

  it("is not a pod that becomes one, and no template", () => {
    assert.ok(!isMirrorPod(request("Pod", mirror, { userInfo: kubelet, oldObject: plain }), mirror, plain));
    const template = workload("DaemonSet", mirror);
    assert.ok(!isMirrorPod(request("DaemonSet", template, { userInfo: kubelet }), template, undefined));
  });
});
