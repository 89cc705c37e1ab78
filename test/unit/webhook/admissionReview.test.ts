import assert from "node:assert/strict";
import { parseReview } from "../../../webhook/review/admissionReview.ts";
import { pod, request, review } from "./support/requests.ts";

const good = request("Pod", pod(["nginx"]));

describe("parseReview", () => {
  it("reads what the API server sends", () => {
    const parsed = parseReview(review(good));
    assert.equal(parsed.status, "ok");
    assert.deepEqual(parsed.status === "ok" && { ...parsed.request, object: undefined }, {
      ...good,
      object: undefined,
    });
  });

  const refused: readonly (readonly [why: string, body: string, message: RegExp])[] = [
    ["nothing", "", /not JSON/],
    ["cut off", review(good).slice(0, -5), /not JSON/],
    ["null", "null", /not an AdmissionReview/],
    ["a list", `[${review(good)}]`, /not an AdmissionReview/],
    ["another kind", review(good).replace("AdmissionReview", "SubjectAccessReview"), /not an AdmissionReview/],
    ["v1beta1, whose answers have another form", review(good).replace("io/v1", "io/v1beta1"), /not an AdmissionReview/],
    ["no request", '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', /no request/],
    [
      "a request that is a list",
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":[]}',
      /no req/,
    ],
    ["a response only", review(good).replace('"request"', '"response"'), /no request/],
    ["no uid, so that nothing could be answered", review({ ...good, uid: "" }), /uid/],
    ["a uid that is no text", review({ ...good, uid: 7 }), /uid/],
    ["no kind", review({ ...good, kind: null }), /kind/],
    ["a kind without a name", review({ ...good, kind: { group: "", version: "v1" } }), /kind/],
    ["no operation", review({ ...good, operation: undefined }), /operation/],
  ];
  for (const [why, body, message] of refused) {
    it(`refuses ${why}`, () => {
      const parsed = parseReview(body);
      assert.equal(parsed.status, "malformed");
      assert.match(parsed.status === "malformed" ? parsed.message : "", message);
    });
  }

  it("takes a null object for none, and groups that are no text for nothing", () => {
    const parsed = parseReview(
      review({
        ...good,
        object: null,
        oldObject: null,
        userInfo: { username: 1, groups: ["a", 2, null, ["system:nodes"]] },
      }),
    );
    assert.ok(parsed.status === "ok");
    assert.equal(parsed.request.object, undefined);
    assert.equal(parsed.request.oldObject, undefined);
    assert.deepEqual(parsed.request.userInfo, { username: "", groups: ["a"] });
  });

  it("takes only true for a dry run", () => {
    for (const [written, dryRun] of [
      [true, true],
      ["true", false],
      [null, false],
    ] as const) {
      const parsed = parseReview(review({ ...good, dryRun: written }));
      assert.equal(parsed.status === "ok" && parsed.request.dryRun, dryRun);
    }
  });

  it("reads 100,000 nested lists without running out of stack", () => {
    const depth = 100_000;
    const body = review({ ...good, object: "X" }).replace('"X"', `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`);
    assert.equal(parseReview(body).status, "ok");
  });
});
