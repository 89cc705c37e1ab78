import assert from "node:assert/strict";
import type { ExceptionSpec, PolicySpec } from "../../../crds/types.ts";
import { RecentlyClean } from "../../../engine/recentlyClean.ts";
import { createReview, MOST_IMAGES, type ReviewRequest } from "../../../engine/review.ts";
import type { Gather, GatherRequest } from "../../../evidence/provider.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import type { Decision } from "../../../policy/finding/decision.ts";
import { MOST_USES } from "../../../policy/subject/subject.ts";
import { at, exception } from "../policy/excepting.ts";
import {
  DIGEST,
  facts,
  neverAsked,
  NOW,
  OTHER_DIGEST,
  policy,
  request,
  subject,
  type Place,
} from "../policy/judging.ts";

const IMAGE = `a.io/app@${DIGEST}`;
const unsigned: PolicySpec = {
  authorities: [{ name: "a", key: { pem: PEM() } }],
  signatures: { authorities: ["a"] },
};

function PEM(): string {
  return "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
}

interface Asked extends Place {
  readonly images?: readonly string[];
  readonly exceptions: readonly CompiledException[];
  readonly gather?: Gather;
  readonly mode?: ReviewRequest["mode"];
  readonly now?: number;
}

async function review(
  specs: Readonly<Record<string, PolicySpec>>,
  { images = [IMAGE], exceptions, gather = neverAsked, mode, now = NOW, ...place }: Asked,
): Promise<Decision> {
  const policies = Object.entries(specs).map(([name, spec]) => policy(spec, name));
  return createReview(gather)({ ...request(policies, subject(images, place), mode), exceptions, now });
}

const said = ({ verdict, findings }: Decision): readonly string[] => [
  verdict,
  ...findings.map(({ policy: of, rule, reason, exempted }) =>
    [`${of} ${rule} ${reason}`, exempted?.by].filter((part) => part !== undefined).join(" by "),
  ),
];

const from = (spec: Partial<ExceptionSpec>, name = "e"): readonly CompiledException[] => [exception(spec, name)];

describe("the engine with exceptions", () => {
  it("silences a finding, which stays listed, and lets the object in", async () => {
    const decision = await review(
      { p: { registries: { allow: [] } } },
      { exceptions: from({ rules: ["registries"] }) },
    );
    assert.deepEqual(said(decision), ["allow", "p registries RegistryNotAllowed by e"]);
    assert.equal(decision.findings[0]?.action, "deny", "what it would do");
    assert.deepEqual(decision.findings[0]?.exempted, { by: "e", expires: "2026-07-01T12:00:00Z" });
  });

  it("leaves every other finding as it is", async () => {
    const exceptions = from({ policies: ["p"], rules: ["registries"] });
    const specs = { p: { registries: { allow: [] }, digest: {} }, q: { registries: { allow: [] } } };
    assert.deepEqual(said(await review(specs, { images: ["a.io/app:1"], exceptions })), [
      "deny",
      "p digest DigestRequired",
      "p registries RegistryNotAllowed by e",
      "q registries RegistryNotAllowed",
    ]);
  });

  it("never adds two up", async () => {
    const exceptions = [
      exception({ match: { namespaces: ["team"], images: ["b.io/**"] } }, "place"),
      exception({ match: { namespaces: ["other"], images: ["a.io/**"] } }, "image"),
      exception({ policies: ["q"] }, "rule"),
    ];
    assert.deepEqual(said(await review({ p: { registries: { allow: [] } } }, { exceptions })), [
      "deny",
      "p registries RegistryNotAllowed",
    ]);
  });

  it("judges the content of an image whose registry is excepted", async () => {
    const asked: GatherRequest[] = [];
    const gather: Gather = (one) => {
      asked.push(one);
      return facts({ digest: { status: "verified", value: DIGEST } });
    };
    const specs = { p: { registries: { allow: [] } }, q: unsigned };
    const decision = await review(specs, { exceptions: from({ rules: ["registries"] }), gather });
    assert.equal(asked.length, 1, "the registry is asked");
    assert.deepEqual(said(decision), [
      "deny",
      "p registries RegistryNotAllowed by e",
      "q signatures EvidenceUnavailable",
    ]);
  });

  it("asks nobody about an image that is refused all the same", async () => {
    const specs = { p: { registries: { allow: [] }, digest: { allowTag: false } }, q: unsigned };
    const exceptions = from({ rules: ["registries"] });
    const decision = await review(specs, { images: [`a.io/app:1@${DIGEST}`], exceptions });
    assert.equal(decision.verdict, "deny");
  });

  it("forgets an exception the moment that it expires", async () => {
    const spec = { p: { registries: { allow: [] } } };
    const exceptions = from({ expires: at(NOW + 1) });
    assert.equal((await review(spec, { exceptions })).verdict, "allow");
    assert.equal((await review(spec, { exceptions, now: NOW + 1 })).verdict, "deny");
  });

  it("remembers no answer that an exception made clean", async () => {
    const policies = [policy({ registries: { allow: [] } })];
    const clean = createReview(neverAsked, undefined, new RecentlyClean());
    const one = {
      ...request(policies, subject([IMAGE], { namespaceLabels: {} })),
      exceptions: from({ expires: at(NOW + 1) }),
    };
    assert.equal((await clean(one)).verdict, "allow");
    assert.equal((await clean({ ...one, now: NOW + 1 })).verdict, "deny");
  });

  describe("does not silence", () => {
    it("a defect, which stands for every rule of a policy", async () => {
      const gather: Gather = () => {
        throw new Error("a defect");
      };
      const decision = await review({ p: unsigned }, { exceptions: from({}), gather });
      assert.deepEqual(said(decision), ["deny", "p signatures EvidenceUnavailable"]);
    });
    it("images that nobody looked at for their number", async () => {
      const images = Array.from({ length: MOST_IMAGES + 1 }, (_, index) => `a.io/app-${index}@${DIGEST}`);
      const gather: Gather = () => facts({ digest: { status: "verified", value: DIGEST } });
      const decision = await review({ p: unsigned }, { images, exceptions: from({}), gather });
      assert.equal(decision.verdict, "deny");
      assert.equal(decision.findings.filter(({ exempted }) => exempted === undefined).length, 1);
    });
    it("places that nobody looked at for their number", async () => {
      const images = Array.from({ length: MOST_USES + 1 }, () => "a.io/app:1");
      const decision = await review({ p: { registries: { allow: [] } } }, { images, exceptions: from({}) });
      assert.deepEqual(
        said(decision).filter((line) => !line.endsWith(" by e")),
        ["deny", "p reference EvidenceUnavailable"],
      );
    });
    it("a part of a policy that this program does not know", async () => {
      const newer: Readonly<Record<string, unknown>> = { registries: { allow: ["a.io"] }, provenanceOf2030: {} };
      const policies = [policy(newer)];
      const decision = await createReview(neverAsked)({
        ...request(policies, subject([IMAGE])),
        exceptions: from({}),
      });
      assert.deepEqual(said(decision), ["deny", "p reference EvidenceUnavailable"]);
    });
  });

  describe("by digest", () => {
    const exceptions = from({ match: { digests: [DIGEST] } });
    const verified = { status: "verified", value: DIGEST } as const;
    const gather: Gather = () => facts({ digest: verified, tag: verified });

    it("silences what is written so", async () => {
      assert.equal((await review({ p: { registries: { allow: [] } } }, { exceptions })).verdict, "allow");
      const images = [`a.io/app:1@${DIGEST}`];
      assert.equal((await review({ p: { registries: { allow: [] } } }, { images, exceptions })).verdict, "allow");
    });
    it("silences no other digest", async () => {
      const images = [`a.io/app@${OTHER_DIGEST}`];
      assert.equal((await review({ p: { registries: { allow: [] } } }, { images, exceptions })).verdict, "deny");
    });
    it("silences no tag at admission, whatever it names: a node may pull something else", async () => {
      const images = ["a.io/app:1"];
      assert.equal((await review({ p: { digest: {} } }, { images, exceptions })).verdict, "deny");
      assert.equal((await review({ p: unsigned }, { images, exceptions })).verdict, "deny");
      const pinned = { p: { digest: { pin: "Pods" } } } as const;
      const decision = await review(pinned, { images, exceptions, gather });
      assert.deepEqual(said(decision), ["deny", "p digest DigestRequired"]);
    });
    it("silences what a template's tag names where its pods are pinned, and judged again", async () => {
      const specs = { pins: { digest: { pin: "Pods" } }, q: unsigned } as const;
      const decision = await review(specs, { kind: "Deployment", images: ["a.io/app:1"], exceptions, gather });
      assert.deepEqual(said(decision), ["allow", "q signatures EvidenceUnavailable by e"]);
    });
    it("silences in an audit what runs, not that it runs by a tag", async () => {
      const decision = await review(
        { q: unsigned },
        { images: ["a.io/app:1"], imageID: `a.io/app@${DIGEST}`, exceptions, gather, mode: "audit" },
      );
      assert.deepEqual(said(decision), ["deny", "q signatures EvidenceUnavailable by e", "q signatures TagNotPinned"]);
    });
  });
});
