import assert from "node:assert/strict";
import { parseReference } from "../../policy/image/reference.ts";
import { policy, subject } from "../unit/policy/judging.ts";

const reference = (text: string): Parameters<ReturnType<typeof policy>["matchesImage"]>[0] => {
  const parsed = parseReference(text);
  assert.ok(parsed.status === "ok");
  return parsed.reference;
};

/** Files and objects of a newer CRD: the API server refuses these. */
describe("a match of which a part cannot be read", () => {
  const registries = { allow: [] };

  it("is about every namespace and image, and not about those that are left", () => {
    const namespaces = policy({ registries, match: { namespaces: ["prod", 5] } });
    assert.ok(namespaces.matchesSubject(subject([], { namespace: "other" })));
    const images = policy({ registries, match: { images: ["docker.io", 5] } });
    assert.ok(images.matchesImage(reference("quay.io/a/b")));
    for (const { faults } of [namespaces, images]) assert.equal(faults[0]?.reason, "InvalidSpec");
  });

  it("keeps the parts that can be read, and excludes no more", () => {
    const kept = policy({ registries, match: { namespaces: ["prod"], images: [5], excludeNamespaces: ["prod-x", 5] } });
    assert.ok(!kept.matchesSubject(subject([], { namespace: "other" })));
    assert.ok(kept.matchesSubject(subject([], { namespace: "prod" })));
    assert.ok(kept.matchesImage(reference("quay.io/a/b")));
  });
});
