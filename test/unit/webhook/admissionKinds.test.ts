import assert from "node:assert/strict";
import { classifyRequest, kindLabel } from "../../../webhook/review/admissionKinds.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import { pod, request, workload, WORKLOADS } from "./support/requests.ts";

const thePod = pod(["nginx"]);
const aPod = request("Pod", thePod);
const gvr = (group: string, resource: string): AdmissionRequest["resource"] => ({ group, version: "v1", resource });

describe("classifyRequest", () => {
  it("judges pods and everything that makes them, created and updated", () => {
    for (const kind of WORKLOADS) {
      const object = workload(kind, thePod);
      assert.equal(classifyRequest(request(kind, object)).type, "judged", kind);
      assert.equal(classifyRequest(request(kind, object, { oldObject: object })).type, "judged", kind);
    }
    assert.equal(classifyRequest(aPod).type, "judged");
  });

  const judged: readonly (readonly [why: string, request: AdmissionRequest])[] = [
    ["ephemeral containers", request("Pod", thePod, { subResource: "ephemeralcontainers", oldObject: thePod })],
    ["a subresource that carries the whole pod", request("Pod", thePod, { subResource: "resize", oldObject: thePod })],
    ["an object that does not say its kind: the request does", request("Pod", { spec: thePod["spec"] })],
    ["a review written by hand, without a resource", { ...aPod, resource: undefined }],
    [
      "a pod that is being deleted",
      request("Pod", pod(["a"], { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } })),
    ],
  ];
  for (const [why, one] of judged) it(`judges ${why}`, () => assert.equal(classifyRequest(one).type, "judged"));

  const scale = { apiVersion: "autoscaling/v1", kind: "Scale", spec: { replicas: 3 } };
  const passing: readonly (readonly [why: string, request: AdmissionRequest])[] = [
    ["a deletion", { ...aPod, operation: "DELETE", object: undefined, oldObject: thePod }],
    ["kubectl exec", { ...aPod, operation: "CONNECT", subResource: "exec" }],
    [
      "a scale",
      {
        ...request("Deployment", scale, { oldObject: scale, subResource: "scale" }),
        kind: { group: "autoscaling", version: "v1", kind: "Scale" },
      },
    ],
    [
      "a binding",
      {
        ...request("Pod", { apiVersion: "v1", kind: "Binding", target: {} }, { subResource: "binding" }),
        kind: { group: "", version: "v1", kind: "Binding" },
      },
    ],
    ["what has no resource either", { ...request("Service", { spec: {} }), resource: undefined }],
    ["a Service", request("Service", { apiVersion: "v1", kind: "Service", spec: {} })],
    [
      "a Pod of another API group",
      {
        ...request("Pod", { apiVersion: "example.com/v1", kind: "Pod" }),
        kind: { group: "example.com", version: "v1", kind: "Pod" },
        resource: gvr("example.com", "pods"),
      },
    ],
  ];
  for (const [why, one] of passing) it(`leaves ${why} alone`, () => assert.equal(classifyRequest(one).type, "notOurs"));

  const unnamed = request("Pod", { spec: thePod["spec"] });
  const refused: readonly (readonly [why: string, request: AdmissionRequest])[] = [
    ["a pod without an object", { ...aPod, object: undefined }],
    ["an update without an object", { ...aPod, operation: "UPDATE", object: undefined, oldObject: thePod }],
    ["an update without the old object: all of it would have to be new", { ...aPod, operation: "UPDATE" }],
    ["an operation that does not exist", { ...aPod, operation: "PATCH" }],
    ["an operation in other letters", { ...aPod, operation: "create" }],
    ["a pod that is called a Service", { ...aPod, kind: { group: "", version: "v1", kind: "Service" } }],
    [
      "a pod that is called a Service throughout the request",
      { ...aPod, kind: { group: "", version: "v1", kind: "Service" }, resource: gvr("", "services") },
    ],
    [
      "a Scale where a whole Deployment belongs",
      { ...aPod, kind: { group: "autoscaling", version: "v1", kind: "Scale" } },
    ],
    ["an object of another kind", request("Pod", { apiVersion: "v1", kind: "Service" })],
    ["an object of another group", request("Deployment", { apiVersion: "extensions/v1beta1", kind: "Deployment" })],
    ["an old object of another kind", request("Pod", thePod, { oldObject: { apiVersion: "v1", kind: "Service" } })],
    ["a version whose form is not known", { ...aPod, kind: { group: "", version: "v2", kind: "Pod" } }],
    ["a Pod under the resource of another kind", { ...aPod, resource: gvr("apps", "deployments") }],
    ["a Pod under another resource of its group", { ...aPod, resource: gvr("", "services") }],
    // Objects that do not say what they are.
    ["another kind under pods", { ...unnamed, kind: { group: "", version: "v1", kind: "Service" } }],
    [
      "another kind under a subresource of pods",
      { ...unnamed, subResource: "ephemeralcontainers", kind: { group: "", version: "v1", kind: "Service" } },
    ],
    ["a version whose form is not known", { ...unnamed, kind: { group: "", version: "v2", kind: "Pod" } }],
    ["an operation that does not exist", { ...unnamed, operation: "PATCH", oldObject: thePod }],
    ["a kind that is no text", request("Pod", { kind: ["Pod"], apiVersion: "v1" })],
  ];
  for (const [why, one] of refused) it(`refuses ${why}`, () => assert.equal(classifyRequest(one).type, "unjudgeable"));
});

describe("kindLabel", () => {
  it("is bounded, whatever a caller writes", () => {
    assert.equal(kindLabel(aPod), "Pod");
    assert.equal(kindLabel(request("Kind-of-a-caller", {})), "other");
    assert.equal(kindLabel({ ...aPod, kind: { group: "evil", version: "v1", kind: "Pod" } }), "other");
  });
});
