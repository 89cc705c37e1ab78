import assert from "node:assert/strict";
import { newFindings } from "../../policy/finding/newFindings.ts";
import { subjectOf, WORKLOAD_KINDS } from "../../policy/subject/subjectOf.ts";
import { DIGEST, judge, policy, subject, verdicts } from "../unit/policy/judging.ts";

/** Published bypasses of policies that judge by what an object says (shared reference: threats). */
const company = policy({ registries: { allow: ["registry.company.com", "docker.io/mycompany/**"] } }, "company");
const pinned = policy({ digest: {} }, "pinned");

const denied = (image: string): boolean => judge([company], subject([image])).verdict === "deny";

describe("bypasses by the text of an object", () => {
  describe("ephemeral containers (CVE-2023-2727; Connaisseur up to 3.1.1), init containers, image volumes (policy-controller #1974)", () => {
    const places: Readonly<Record<string, object>> = {
      "init container": { initContainers: [{ name: "x", image: "evil.io/x" }] },
      container: { containers: [{ name: "x", image: "evil.io/x" }] },
      "ephemeral container": { ephemeralContainers: [{ name: "x", image: "evil.io/x" }] },
      "image volume": { volumes: [{ name: "x", image: { reference: "evil.io/x" } }] },
    };
    for (const [place, spec] of Object.entries(places)) {
      for (const kind of WORKLOAD_KINDS) {
        it(`${place} of a ${kind} (seen in policy templates: only spec.containers)`, () => {
          const whole = { containers: [{ name: "good", image: "registry.company.com/good" }], ...spec };
          const pod = { spec: whole };
          const object =
            kind === "Pod"
              ? pod
              : { spec: kind === "CronJob" ? { jobTemplate: { spec: { template: pod } } } : { template: pod } };
          const one = subjectOf(object, { kind, namespace: "team", namespaceLabels: {} });
          assert.deepEqual(verdicts(judge([company], one)), ["deny registries RegistryNotAllowed"]);
        });
      }
    }
  });

  it("prefix matching (gatekeeper-library #80, #529)", () => {
    for (const image of [
      "registry.company.com.evil.io/app",
      "registry.company.com@evil.io/app",
      "docker.io/mycompanyevil/app",
      "mycompanyevil/app",
      "evil.io/registry.company.com/app",
    ]) {
      assert.ok(denied(image), image);
    }
    assert.ok(!denied("registry.company.com/app"));
    assert.ok(!denied("mycompany/app"));
  });

  it("truncated and empty digests, a port taken for a tag (seen in policy templates)", () => {
    for (const image of [
      "nginx@sha256:",
      "nginx@sha256:abc",
      "nginx@",
      "registry:5000/nginx",
      `nginx@sha256:${"g".repeat(64)}`,
    ]) {
      assert.equal(judge([pinned], subject([image])).verdict, "deny", image);
    }
    for (const image of [`nginx@${DIGEST}`, `registry:5000/nginx@sha512:${"a".repeat(128)}`]) {
      assert.equal(judge([pinned], subject([image])).verdict, "allow", image);
    }
  });

  it("an allowlist that is empty lets nothing through (seen in two libraries)", () => {
    assert.equal(judge([policy({ registries: { allow: [] } })], subject(["nginx"])).verdict, "deny");
    assert.equal(
      judge([policy({ registries: { namespaces: [{ names: ["team"], allow: [] }] } })], subject(["nginx"])).verdict,
      "deny",
    );
  });

  it("a pod that is being deleted is no exception (CVE-2023-34091)", () => {
    const going = {
      metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] },
      spec: { containers: [{ name: "x", image: "evil.io/x" }] },
    };
    const one = subjectOf(going, { kind: "Pod", namespace: "team", namespaceLabels: {} });
    assert.equal(judge([company], one).verdict, "deny");
  });

  it("a pod that is relabelled into a policy's reach is judged", () => {
    const web = policy({ registries: { allow: [] }, match: { objectSelector: { matchLabels: { tier: "web" } } } });
    const before = judge([web], subject(["nginx"], { labels: {} })).findings;
    const after = judge([web], subject(["nginx"], { labels: { tier: "web" } })).findings;
    assert.equal(newFindings(after, before).length, 1);
  });

  it("an image ID on the node is no reference (containerd LocalResolve)", () => {
    const everything = policy({ registries: { allow: ["**"] } });
    for (const image of [`sha256:${"a".repeat(64)}`, "sha256:aaaa", "a".repeat(64)]) {
      assert.deepEqual(verdicts(judge([everything], subject([image]))), ["deny reference ImageMalformed"], image);
    }
  });

  it("duplicate members and __proto__ change nothing that is judged", () => {
    const object: unknown = JSON.parse(
      '{"spec": {"containers": [{"name": "x", "image": "registry.company.com/x", "image": "evil.io/x", "__proto__": {"image": "registry.company.com/x"}}], "__proto__": {"containers": []}}}',
    );
    const one = subjectOf(object, { kind: "Pod", namespace: "team", namespaceLabels: {} });
    // The API server keeps the last of two members, as JSON.parse does.
    assert.deepEqual(
      one.images.map(({ image }) => image),
      ["evil.io/x"],
    );
  });

  it("huge and hostile texts take no time (CVE-2023-7279, CVE-2025-69873)", () => {
    const spec = policy({
      registries: {
        deny: ["**/a/**/a/**/a/**/b", "*.a*a*a*a*b.io/**"],
        allow: [`registry.company.com/${"*a".repeat(50)}b`],
      },
    });
    const images = [
      `registry.company.com/${"a".repeat(200)}`,
      `a.b/${"a/".repeat(120)}a`,
      `${"a.".repeat(120)}io/x`,
      "x".repeat(1_000_000),
      `nginx@${"a:".repeat(500_000)}`,
    ];
    assert.equal(judge([spec], subject(images)).verdict, "deny");
  });
});
