import assert from "node:assert/strict";
import { editDistance } from "../../policy/image/editDistance.ts";
import { compileLookalikes } from "../../policy/image/lookalike.ts";
import { MOST_USES } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { countedReads } from "./support/countedReads.ts";

const place = { kind: "Pod", namespace: "tenant", namespaceLabels: {} };
const many = <T>(count: number, make: (nth: number) => T): T[] => Array.from({ length: count }, (_, nth) => make(nth));

describe("an object as large as its author likes", () => {
  /** Each with `size` entries on both sides of what could be compared with each other. */
  const shapes: readonly (readonly [what: string, make: (size: number) => object])[] = [
    [
      "containers and statuses that name none of them",
      (size) => ({
        spec: { containers: many(size, (nth) => ({ name: `c${nth}`, image: "a" })) },
        status: { containerStatuses: many(size, () => ({ name: "x" })) },
      }),
    ],
    [
      "image volumes and mounts of none of them",
      (size) => ({
        spec: { volumes: many(size, (nth) => ({ name: `v${nth}`, image: { reference: "a" } })) },
        status: { containerStatuses: [{ name: "x", volumeMounts: many(size, () => ({ name: "y" })) }] },
      }),
    ],
    [
      "image volumes and statuses without mounts",
      (size) => ({
        spec: { volumes: many(size, (nth) => ({ name: `v${nth}`, image: { reference: "a" } })) },
        status: { containerStatuses: many(size, () => ({ name: "x" })), initContainerStatuses: many(size, () => ({})) },
      }),
    ],
    [
      "labels, annotations, pull secrets and owners",
      (size) => ({
        metadata: {
          labels: Object.fromEntries(many(size, (nth) => [`l${nth}`, ""])),
          annotations: Object.fromEntries(many(size, (nth) => [`a${nth}`, ""])),
          ownerReferences: many(size, () => ({ controller: false })),
        },
        spec: { imagePullSecrets: many(size, (nth) => ({ name: `s${nth}` })), containers: [{ name: "c", image: "a" }] },
      }),
    ],
  ];
  for (const [what, make] of shapes) {
    it(`is read in a few steps an entry: ${what}`, () => {
      const stepsOf = (size: number): number => {
        const { value, reads } = countedReads(make(size));
        subjectOf(value, place);
        return reads();
      };
      const [some, twice] = [stepsOf(500), stepsOf(1_000)];
      assert.ok(twice < 2.1 * some, `${some} steps, and ${twice} for twice as much`);
      assert.ok(twice < 1_000 * 40, `${twice} steps`);
    });
  }

  it("has no more of its images read than are judged, and the others are no pass", () => {
    const containers = many(MOST_USES + 2, (nth) => ({ name: `c${nth}`, image: "a.b/c" }));
    const { images } = subjectOf({ spec: { containers } }, place);
    assert.equal(images.length, MOST_USES + 2);
    assert.equal(images[MOST_USES]?.parsed.status, "ok", "the first that is not judged");
    const { parsed } = images[MOST_USES + 1]!;
    assert.equal(parsed.status, "malformed");
    assert.match(parsed.status === "malformed" ? parsed.message : "", /one of more than 1024 images/);
  });
});

describe("hosts that look like allowed ones", () => {
  const middle = many(4, () => "abcdefghij".repeat(5)).join(".");

  it("are compared in a few steps a letter", () => {
    const host = countedReads(Array.from(`z${middle}zz`));
    // Three edits, as far from each other as can be.
    assert.equal(editDistance(host.value, Array.from(`a${middle}bb`), 2), undefined);
    assert.ok(host.reads() < 20 * middle.length, `${host.reads()} steps`);
  });

  it("are compared once, however often an object names them", () => {
    const meant = `registry.${middle}.com`;
    const find = compileLookalikes([meant, "a.b"]);
    const first = find(`registri.${middle}.com:5000`);
    assert.equal(first?.meant, meant);
    assert.equal(find(`registri.${middle}.com`), first, "the very same answer");
  });
});
