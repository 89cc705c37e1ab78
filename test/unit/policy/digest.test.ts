import assert from "node:assert/strict";
import type { PolicySpec } from "../../../crds/types.ts";
import type { ImageFacts } from "../../../policy/facts/facts.ts";
import type { Outcome } from "../../../policy/facts/outcome.ts";
import type { Subject } from "../../../policy/subject/subject.ts";
import { DIGEST, HEX, OTHER_DIGEST, facts, judge, policy, subject, verdicts, type Place } from "./judging.ts";

type Digest = NonNullable<PolicySpec["digest"]>;

const found = (value: string): Outcome<string> => ({ status: "verified", value });
const ABSENT: Outcome<never> = { status: "absent", message: "the registry has no such tag" };
const DOWN: Outcome<never> = {
  status: "unavailable",
  cause: "timeout",
  message: "the registry did not answer in time",
};
const invalid = (reason: string): Outcome<never> => ({
  status: "invalid",
  reason,
  message: "the content is not what it should be",
});
const MANIFEST: ImageFacts["manifest"] = {
  status: "verified",
  value: { digest: DIGEST, mediaType: "x", size: 1, annotations: {}, platforms: [] },
};

const TAGGED = "registry.company.com/app:v1";
const PINNED = `registry.company.com/app:v1@${DIGEST}`;
const ALONE = `registry.company.com/app@${DIGEST}`;

describe("digest", () => {
  describe("by the text alone", () => {
    const table: readonly (readonly [Digest, image: string, expected: readonly string[], why: string])[] = [
      [{}, TAGGED, ["deny digest DigestRequired"], "a tag alone (digest: {} asks for a digest)"],
      [{}, "nginx", ["deny digest DigestRequired"], "neither tag nor digest"],
      [{}, "registry:5000/nginx", ["deny digest DigestRequired"], "a port is no digest"],
      [{}, PINNED, [], "tag and digest"],
      [{}, ALONE, [], "a digest"],
      [{}, `nginx@sha512:${HEX}${HEX}`, [], "a sha512 digest"],
      [{}, "nginx@sha256:abc", ["deny digest DigestMalformed"], "a short digest"],
      [{ required: false }, TAGGED, [], "not required"],
      [
        { required: false },
        "nginx@sha256:",
        ["deny digest DigestMalformed"],
        "a digest that is none is refused anyway",
      ],
      [{ allowTag: false }, PINNED, ["deny digest TagForbidden"], "the digest must stand alone"],
      [{ allowTag: false }, ALONE, [], "it does"],
      [{ allowTag: false }, TAGGED, ["deny digest DigestRequired"], "a tag alone lacks the digest"],
      [{ allowTag: false, required: false }, TAGGED, [], "a tag alone has no digest to stand beside"],
    ];
    for (const [digest, image, expected, why] of table) {
      it(`${JSON.stringify(digest)} on ${image.slice(0, 50)}: ${why}`, () => {
        assert.deepEqual(verdicts(judge([policy({ digest })], subject([image]))), expected);
      });
    }

    const message = (digest: Digest, image: string): string =>
      judge([policy({ digest }, "production")], subject([image])).findings[0]?.message ?? "";
    it("tells what to write instead", () => {
      assert.equal(
        message({}, "nginx:1.21"),
        '[production] container "c0", image "nginx:1.21": DigestRequired: uses a tag; write docker.io/library/nginx@sha256:... (crane digest nginx:1.21)',
      );
      assert.match(
        message({}, "nginx"),
        /DigestRequired: has neither tag nor digest; write docker\.io\/library\/nginx@sha256:\.\.\. \(crane digest nginx\)$/,
      );
      assert.match(
        message({ allowTag: false }, `nginx:1@${DIGEST}`),
        /TagForbidden: .*write docker\.io\/library\/nginx@sha256:0123456789abcdef/,
      );
      assert.match(
        message({}, "nginx@sha256:abc"),
        /DigestMalformed: has a digest of 3 hex digits; sha256 has 64; write docker\.io\/library\/nginx@sha256:<64 hex>$/,
      );
    });
  });

  /** The verdicts with these facts; the policy must have asked for them. */
  const judged = (
    digest: Digest,
    image: string,
    some: Partial<ImageFacts>,
    place: Place = {},
    mode: "admission" | "audit" = "admission",
  ): readonly string[] => verdicts(judge([policy({ digest })], subject([image], place), () => facts(some), mode));

  describe("verify", () => {
    const verify: Digest = { verify: true };
    const table: readonly (readonly [
      Digest,
      image: string,
      Partial<ImageFacts>,
      expected: readonly string[],
      why: string,
    ])[] = [
      [verify, ALONE, { manifest: MANIFEST }, [], "the registry has it"],
      [verify, ALONE, { manifest: ABSENT }, ["deny digest DigestNotFound"], "it does not"],
      [verify, PINNED, { manifest: MANIFEST, tag: found(OTHER_DIGEST) }, [], "a tag beside it may have moved"],
      [verify, ALONE, { manifest: invalid("DigestMismatch") }, ["deny digest DigestMismatch"], "it serves other bytes"],
      [
        verify,
        ALONE,
        { manifest: invalid("ImageMalformed") },
        ["deny digest ImageMalformed"],
        "image and index in one",
      ],
      [verify, ALONE, { manifest: invalid("SomethingNew") }, ["deny digest ImageMalformed"], "whatever else is wrong"],
      [verify, ALONE, { manifest: DOWN }, ["deny digest EvidenceUnavailable"], "it could not be asked"],
      [verify, ALONE, {}, ["deny digest EvidenceUnavailable"], "nobody asked: never a pass"],
      [{ verify: true, required: false }, TAGGED, { tag: found(DIGEST) }, [], "of a tag only that it exists"],
      [{ verify: true, required: false }, TAGGED, { tag: ABSENT }, ["deny digest DigestNotFound"], "it does not"],
      [
        { verify: true, required: false },
        TAGGED,
        { tag: DOWN },
        ["deny digest EvidenceUnavailable"],
        "it could not be asked",
      ],
      [{ verify: true, required: false }, TAGGED, {}, ["deny digest EvidenceUnavailable"], "nobody asked"],
    ];
    for (const [digest, image, some, expected, why] of table) {
      it(`${image.slice(0, 50)}, ${JSON.stringify(some).slice(0, 60)}: ${why}`, () => {
        assert.deepEqual(judged(digest, image, some), expected);
      });
    }
    it("is not asked about what the text refuses already", () => {
      assert.deepEqual(verdicts(judge([policy({ digest: verify })], subject([TAGGED]))), [
        "deny digest DigestRequired",
      ]);
    });
  });

  describe("tagDrift", () => {
    const report: Digest = { tagDrift: "Report" };
    const deny: Digest = { tagDrift: "Deny" };
    const table: readonly (readonly [Digest, Partial<ImageFacts>, expected: readonly string[], why: string])[] = [
      [deny, { tag: found(DIGEST) }, [], "the tag names this digest"],
      [deny, { tag: found(OTHER_DIGEST) }, ["deny digest TagDrift"], "it names another"],
      [deny, { tag: ABSENT }, ["deny digest TagDrift"], "a tag that is gone has drifted"],
      [deny, { tag: DOWN }, ["deny digest EvidenceUnavailable"], "it could not be asked"],
      [deny, {}, ["deny digest EvidenceUnavailable"], "nobody asked"],
      [report, { tag: found(OTHER_DIGEST) }, ["warn digest TagDrift"], "reported only"],
      [report, { tag: ABSENT }, ["warn digest TagDrift"], "reported only"],
      [report, { tag: DOWN }, ["warn digest EvidenceUnavailable"], "never stricter than the drift itself"],
    ];
    for (const [digest, some, expected, why] of table) {
      it(`${JSON.stringify(digest)}, ${JSON.stringify(some)}: ${why}`, () =>
        assert.deepEqual(judged(digest, PINNED, some), expected));
    }
    it("asks nothing where it is ignored, nor of a digest alone, nor of a tag at admission", () => {
      assert.deepEqual(verdicts(judge([policy({ digest: {} })], subject([PINNED]))), []);
      assert.deepEqual(verdicts(judge([policy({ digest: deny })], subject([ALONE]))), []);
      assert.deepEqual(verdicts(judge([policy({ digest: { ...deny, required: false } })], subject([TAGGED]))), []);
    });
    it("names both digests", () => {
      const { findings } = judge([policy({ digest: deny })], subject([PINNED]), () =>
        facts({ tag: found(OTHER_DIGEST) }),
      );
      assert.match(findings[0]?.message ?? "", new RegExp(`tag v1 no longer names this digest, but ${OTHER_DIGEST}`));
      assert.equal(findings[0]?.digest, DIGEST);
    });

    describe("in audits, of what runs under a tag", () => {
      const running: Place = { imageID: `registry.company.com/app@${DIGEST}` };
      const table: readonly (readonly [Partial<ImageFacts>, expected: readonly string[], why: string])[] = [
        [{ running: found(DIGEST), tag: found(DIGEST) }, [], "what the tag names"],
        [{ running: found(DIGEST), tag: found(OTHER_DIGEST) }, ["deny digest TagDrift"], "another digest"],
        [{ running: found(DIGEST), tag: ABSENT }, ["deny digest TagDrift"], "the tag is gone"],
        [{ running: DOWN, tag: found(DIGEST) }, ["deny digest EvidenceUnavailable"], "what runs could not be told"],
        [{ running: ABSENT, tag: found(DIGEST) }, ["deny digest TagDrift"], "what runs is not what the tag names"],
        [{ running: ABSENT, tag: ABSENT }, ["deny digest TagDrift"], "the same, and the tag is gone"],
        [{ running: ABSENT, tag: DOWN }, ["deny digest EvidenceUnavailable"], "the same, and nobody knows the tag"],
        [{ tag: found(DIGEST) }, [], "no imageID yet"],
      ];
      for (const [some, expected, why] of table) {
        it(why, () => assert.deepEqual(judged({ ...deny, required: false }, TAGGED, some, running, "audit"), expected));
      }
      const lasting = { running: { ...DOWN, lasting: true as const }, tag: found(DIGEST) };
      it("what will not pass by itself is no outage, and only told where drift is only reported", () => {
        const shrug = (tagDrift: "Report" | "Deny", some: Partial<ImageFacts>): readonly string[] => {
          const lax = policy({ digest: { tagDrift, required: false }, onUnavailable: "allow" });
          return verdicts(judge([lax], subject([TAGGED], running), () => facts(some), "audit"));
        };
        assert.deepEqual(shrug("Deny", { running: DOWN, tag: found(DIGEST) }), ["allow digest EvidenceUnavailable"]);
        assert.deepEqual(shrug("Deny", lasting), ["deny digest EvidenceUnavailable"]);
        assert.deepEqual(shrug("Report", lasting), ["warn digest EvidenceUnavailable"]);
      });
      it("says to try again only where that may help", () => {
        const said = (some: Partial<ImageFacts>): string =>
          judge(
            [policy({ digest: { ...deny, required: false } })],
            subject([TAGGED], running),
            () => facts(some),
            "audit",
          ).findings[0]?.message ?? "";
        assert.match(said({ running: DOWN, tag: found(DIGEST) }), /try again/);
        assert.doesNotMatch(said(lasting), /try again/);
      });
      it("asks nothing where it is ignored", () => {
        const moved = { running: found(DIGEST), tag: found(OTHER_DIGEST) };
        assert.deepEqual(judged({ verify: true, required: false }, TAGGED, moved, running, "audit"), []);
      });
      it("says once that the registry could not be asked, whoever asked it", () => {
        const both: Digest = { ...deny, verify: true, required: false };
        const down = { running: found(DIGEST), tag: DOWN };
        assert.deepEqual(judged(both, TAGGED, down, running, "audit"), ["deny digest EvidenceUnavailable"]);
      });
    });
  });

  describe("pin", () => {
    const required = policy({ digest: {} }, "required");
    const pods = policy({ digest: { required: false, pin: "Pods" } }, "pins");
    const all = policy({ digest: { required: false, pin: "All" } }, "pins");
    const lost: readonly (readonly [Partial<ImageFacts>, expected: readonly string[], why: string])[] = [
      [
        { tag: found(DIGEST) },
        ["deny digest DigestRequired"],
        "the tag exists and was not pinned: written past the mutating webhook",
      ],
      [{ tag: ABSENT }, ["deny digest DigestNotFound"], "the tag does not exist"],
      [{ tag: DOWN }, ["deny digest EvidenceUnavailable"], "the registry could not be asked"],
      [{}, ["deny digest EvidenceUnavailable"], "nobody asked"],
    ];
    for (const [some, expected, why] of lost) {
      it(`of a Pod that still has its tag: ${why}`, () => {
        assert.deepEqual(verdicts(judge([required, pods], subject([TAGGED]), () => facts(some))), expected);
        assert.deepEqual(
          verdicts(judge([required, all], subject([TAGGED], { kind: "Job" }), () => facts(some))),
          expected,
        );
      });
    }
    it("excuses the tag of a ReplicaSet that its Deployment made with one, whose pods are pinned", () => {
      const place = { kind: "ReplicaSet" };
      const made: Subject = { ...subject([TAGGED], place), compared: true };
      const said = (one: Subject): readonly string[] =>
        verdicts(judge([required, all], one, () => facts({ tag: found(DIGEST) })));
      assert.deepEqual(said(made), []);
      assert.deepEqual(said(subject([TAGGED], place)), ["deny digest DigestRequired"]);
    });
    it("excuses tags in templates under all policies where the pods are pinned", () => {
      assert.deepEqual(verdicts(judge([required, pods], subject([TAGGED], { kind: "Deployment" }))), []);
      assert.deepEqual(verdicts(judge([required], subject([TAGGED], { kind: "Deployment" }))), [
        "deny digest DigestRequired",
      ]);
    });
    it("is done by policies that match, and not by those in dryrun", () => {
      const others = [
        policy({ digest: { required: false, pin: "Pods" }, match: { namespaces: ["other"] } }, "pins"),
        policy({ digest: { required: false, pin: "Pods" }, match: { images: ["other.io/**"] } }, "pins"),
        policy({ digest: { required: false, pin: "Pods" }, enforcementAction: "dryrun" }, "pins"),
        policy(
          {
            digest: { required: false, pin: "Pods" },
            enforcementOverrides: [{ namespaces: ["team"], action: "dryrun" }],
          },
          "pins",
        ),
        policy({ digest: { required: false, pin: "Never" } }, "pins"),
      ];
      for (const other of others) {
        assert.deepEqual(verdicts(judge([required, other], subject([TAGGED], { kind: "Deployment" }))), [
          "deny digest DigestRequired",
        ]);
      }
    });
    it("changes nothing about a digest that is written", () => {
      assert.deepEqual(verdicts(judge([required, pods], subject([ALONE, PINNED]))), []);
    });
    it("does not hide a tag from the audit", () => {
      assert.deepEqual(verdicts(judge([required, pods], subject([TAGGED]), undefined, "audit")), [
        "deny digest DigestRequired",
      ]);
    });
  });
});
