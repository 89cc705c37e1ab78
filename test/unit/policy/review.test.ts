import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import type { PolicySpec } from "../../../crds/types.ts";
import type { Gather, GatherRequest } from "../../../evidence/provider.ts";
import { createReview } from "../../../engine/review.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { ImageFacts, SignatureOutcome } from "../../../policy/facts/facts.ts";
import type { Outcome } from "../../../policy/facts/outcome.ts";
import { DIGEST, OTHER_DIGEST, facts, judge, policy, request, subject, verdicts, type Place } from "./judging.ts";

const PEM = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .publicKey.export({ format: "pem", type: "spki" })
  .toString();

/** A policy that asks for one signature. */
const signed = (more: PolicySpec = {}, name = "signed"): CompiledPolicy =>
  policy(
    {
      authorities: [{ name: "k", key: { pem: PEM }, transparencyLog: "Ignored" }],
      signatures: { authorities: ["k"] },
      ...more,
    },
    name,
  );

const PROVED: SignatureOutcome = { status: "verified", value: [{ fingerprint: "sha256:1", signer: "sha256:1" }] };
const UNSIGNED: SignatureOutcome = { status: "absent", message: "no signature" };
const DOWN = { status: "unavailable", cause: "timeout", message: "the registry did not answer in time" } as const;
const found = (value: string): Outcome<string> => ({ status: "verified", value });

/** Facts with this outcome for every authority that is asked about. */
const signatures =
  (outcome: SignatureOutcome, more: Partial<ImageFacts> = {}): Gather =>
  ({ policies }) =>
    facts({
      signatures: new Map(
        policies.flatMap(({ authorities }) => [...authorities.values()].map(({ id }) => [id, outcome])),
      ),
      ...more,
    });

/** Notes what it is asked, and answers as `gather` does. */
const spy = (gather: Gather): { readonly gather: Gather; readonly asked: GatherRequest[] } => {
  const asked: GatherRequest[] = [];
  return { asked, gather: (one) => (asked.push(one), gather(one)) };
};

const ALONE = `a.b/app@${DIGEST}`;
const TAGGED = "a.b/app:v1";

describe("review", () => {
  it("says in every finding of a policy that is not Ready that it is not", () => {
    const digest = { digest: {} };
    const broken = policy(
      {
        ...digest,
        authorities: [{ name: "k", key: { secretRef: { namespace: "n", name: "s", key: "k" } } }],
        signatures: { authorities: ["k"] },
      },
      "broken",
    );
    const messages = (one: CompiledPolicy): readonly string[] =>
      judge([one], subject([TAGGED]), () => facts({})).findings.map(({ message }) => message);
    assert.ok(messages(broken).length > 0);
    for (const message of messages(broken))
      assert.match(message, /^\[broken\] .* \(the policy is not Ready: kubectl get isp broken -o wide\)$/);
    for (const message of messages(policy(digest))) assert.doesNotMatch(message, /not Ready/);
  });

  describe("the action of a finding", () => {
    const table: readonly (readonly [PolicySpec, SignatureOutcome, Place, expected: readonly string[], why: string])[] =
      [
        [{}, UNSIGNED, {}, ["deny signatures SignatureMissing"], "deny is the default"],
        [{}, PROVED, {}, [], "nothing to say"],
        [{ enforcementAction: "warn" }, UNSIGNED, {}, ["warn signatures SignatureMissing"], "the policy warns"],
        [
          { enforcementOverrides: [{ namespaces: ["team"], action: "warn" }] },
          UNSIGNED,
          {},
          ["warn signatures SignatureMissing"],
          "overridden here",
        ],
        [
          { enforcementOverrides: [{ namespaces: ["other"], action: "warn" }] },
          UNSIGNED,
          {},
          ["deny signatures SignatureMissing"],
          "overridden elsewhere",
        ],
        [{}, DOWN, {}, ["deny signatures EvidenceUnavailable"], "onUnavailable denies by default"],
        [{ onUnavailable: "warn" }, DOWN, {}, ["warn signatures EvidenceUnavailable"], "or warns"],
        [{ onUnavailable: "allow" }, DOWN, {}, ["allow signatures EvidenceUnavailable"], "or allows, and says so"],
        [
          { onUnavailable: "deny", enforcementAction: "warn" },
          DOWN,
          {},
          ["warn signatures EvidenceUnavailable"],
          "and never makes a lenient policy strict",
        ],
        [
          { onUnavailable: "allow" },
          UNSIGNED,
          {},
          ["deny signatures SignatureMissing"],
          "what is known is not unavailable",
        ],
        [
          { onUnavailable: "allow" },
          { status: "invalid", reason: "SignatureInvalid", message: "over a limit" },
          {},
          ["deny signatures SignatureInvalid"],
          "nor is what is invalid",
        ],
      ];
    for (const [spec, outcome, place, expected, why] of table) {
      it(`${JSON.stringify(spec)}, ${outcome.status}: ${why}`, () => {
        assert.deepEqual(verdicts(judge([signed(spec)], subject([ALONE], place), signatures(outcome))), expected);
      });
    }
    it("a fault of the configuration is not settled by onUnavailable", () => {
      const faulty = policy({
        onUnavailable: "allow",
        authorities: [{ name: "k", key: { secretRef: { namespace: "n", name: "gone", key: "k" } } }],
        signatures: { authorities: ["k"] },
      });
      assert.deepEqual(verdicts(judge([faulty], subject([ALONE]), signatures(PROVED))), [
        "deny signatures EvidenceUnavailable",
      ]);
    });
    it("makes the verdict", () => {
      const verdict = (spec: PolicySpec, outcome: SignatureOutcome): string =>
        judge([signed(spec)], subject([ALONE]), signatures(outcome)).verdict;
      assert.equal(verdict({}, UNSIGNED), "deny");
      assert.equal(verdict({ enforcementAction: "warn" }, UNSIGNED), "warn");
      assert.equal(verdict({ onUnavailable: "allow" }, DOWN), "allow");
      assert.equal(verdict({}, PROVED), "allow");
      assert.equal(judge([policy({ digest: {}, enforcementAction: "dryrun" })], subject(["nginx"])).verdict, "allow");
    });
  });

  describe("what is asked of the registry", () => {
    const denying = policy({ registries: { deny: ["a.b"] } }, "denying");
    const asked = (
      policies: readonly CompiledPolicy[],
      images: readonly string[],
      place: Place = {},
      mode: "admission" | "audit" = "admission",
    ): readonly string[] => {
      const { gather, asked: requests } = spy(signatures(PROVED, { digest: found(DIGEST), tag: found(DIGEST) }));
      judge(policies, subject(images, place), gather, mode);
      return requests.map(({ image, policies: askers }) => `${image.image} ${askers.map(({ name }) => name).join()}`);
    };

    it("nothing once a deny policy has refused the image", () => {
      assert.deepEqual(asked([denying, signed()], [ALONE]), []);
      assert.deepEqual(asked([signed(), denying], [ALONE]), [], "in whatever order");
    });
    it("of the other images all the same", () => {
      assert.deepEqual(asked([denying, signed()], [ALONE, `c.d/app@${DIGEST}`]), [`c.d/app@${DIGEST} signed`]);
    });
    it("all, where the refusal is only a warning or a dry run", () => {
      for (const enforcementAction of ["warn", "dryrun"] as const) {
        const lenient = policy({ registries: { deny: ["a.b"] }, enforcementAction }, "lenient");
        assert.deepEqual(asked([lenient, signed()], [ALONE]), [`${ALONE} signed`]);
      }
    });
    it("nothing by a policy whose own text refuses it, whatever the action", () => {
      for (const enforcementAction of ["warn", "dryrun", "deny"] as const) {
        const own = signed({ registries: { deny: ["a.b"] }, enforcementAction }, "own");
        assert.deepEqual(asked([own], [ALONE]), []);
        assert.deepEqual(asked([own], [ALONE], {}, "audit"), []);
      }
      const tags = signed({ digest: { allowTag: false }, enforcementAction: "warn" }, "tags");
      assert.deepEqual(asked([tags], [`a.b/app:1@${DIGEST}`]), []);
      assert.deepEqual(asked([tags], [`a.b/app:1@${DIGEST}`], {}, "audit"), [`a.b/app:1@${DIGEST} tags`]);
      const pinning = policy(
        { digest: { pin: "Pods" }, registries: { deny: ["a.b"] }, enforcementAction: "warn" },
        "w",
      );
      assert.deepEqual(asked([pinning], ["a.b/app:1"]), []);
      assert.deepEqual(verdicts(judge([pinning], subject(["a.b/app:1"]))), [
        "warn digest DigestRequired",
        "warn registries RegistryDenied",
      ]);
    });
    it("all the same by one that only warns and has a fault: what it can judge it judges", () => {
      const faulty = signed({ registries: { deny: ["a.b:["] }, enforcementAction: "warn" }, "faulty");
      assert.deepEqual(asked([faulty], [ALONE]), [`${ALONE} faulty`]);
    });
    it("nothing for static rules alone", () => {
      assert.deepEqual(asked([policy({ registries: { allow: ["a.b"] }, digest: {} })], [ALONE]), []);
    });
    it("only for policies that match", () => {
      assert.deepEqual(
        asked([signed({ match: { namespaces: ["other"] } }), signed({ match: { images: ["c.d"] } })], [ALONE]),
        [],
      );
      assert.deepEqual(asked([signed({}, "s1"), signed({ match: { images: ["c.d"] } }, "s2")], [ALONE]), [
        `${ALONE} s1`,
      ]);
    });
    it("nothing at admission for a policy in dryrun, all of it in audits", () => {
      const dryrun = signed({ enforcementAction: "dryrun" });
      assert.deepEqual(asked([dryrun], [ALONE]), []);
      assert.deepEqual(asked([dryrun], [ALONE], {}, "audit"), [`${ALONE} signed`]);
      const local = signed({ enforcementOverrides: [{ namespaces: ["team"], action: "dryrun" }] });
      assert.deepEqual(asked([local], [ALONE]), []);
      assert.deepEqual(asked([local], [ALONE], { namespace: "other" }), [`${ALONE} signed`]);
    });
    it("nothing in audits for a policy that is not audited", () => {
      assert.deepEqual(asked([signed({ audit: { enabled: false } })], [ALONE], {}, "audit"), []);
      assert.deepEqual(asked([signed({ audit: { enabled: false } })], [ALONE]), [`${ALONE} signed`]);
    });
    it("one question for containers of one image, unless they run different digests", () => {
      assert.deepEqual(asked([signed()], [ALONE, ALONE]), [`${ALONE} signed`]);
      const { gather, asked: requests } = spy(signatures(PROVED, { digest: found(DIGEST) }));
      const one = subject([TAGGED, TAGGED], { imageID: `a.b/app@${DIGEST}` });
      const [first, second] = one.images;
      assert.ok(first !== undefined && second !== undefined);
      judge(
        [signed()],
        { ...one, images: [first, { ...second, imageID: `a.b/app@${OTHER_DIGEST}` }] },
        gather,
        "audit",
      );
      assert.equal(requests.length, 2);
    });
    it("nothing for what does not parse", () => {
      assert.deepEqual(asked([signed({ enforcementAction: "warn" })], ["Nginx", "nginx@sha256:abc"]), []);
    });
  });

  describe("tags under content rules", () => {
    const pins = policy({ digest: { required: false, pin: "Pods" } }, "pins");
    const gathered: readonly (readonly [
      Partial<ImageFacts>,
      SignatureOutcome,
      expected: readonly string[],
      why: string,
    ])[] = [
      [{ digest: found(DIGEST) }, PROVED, [], "the digest that the tag names now is signed"],
      [{ digest: found(DIGEST) }, UNSIGNED, ["deny signatures SignatureMissing"], "it is not"],
      [
        { digest: { status: "absent", message: "no such tag" } },
        PROVED,
        ["deny signatures DigestNotFound"],
        "there is no such tag",
      ],
      [{ digest: DOWN }, PROVED, ["deny signatures EvidenceUnavailable"], "the registry could not be asked"],
      [
        { digest: { status: "invalid", reason: "ImageMalformed", message: "image and index in one" } },
        PROVED,
        ["deny signatures ImageMalformed"],
        "the content is malformed",
      ],
      [{}, PROVED, ["deny signatures EvidenceUnavailable"], "nobody asked"],
    ];
    for (const [some, outcome, expected, why] of gathered) {
      it(`of a template whose pods are pinned are judged by digest: ${why}`, () => {
        const one = subject([TAGGED], { kind: "Deployment" });
        assert.deepEqual(verdicts(judge([signed(), pins], one, signatures(outcome, some))), expected);
      });
    }
    it("violate with TagNotPinned where nobody pins them, and no registry is asked", () => {
      for (const kind of ["Pod", "Deployment"]) {
        assert.deepEqual(verdicts(judge([signed()], subject([TAGGED], { kind }))), ["deny signatures TagNotPinned"]);
      }
      const { findings } = judge([signed()], subject([TAGGED]));
      assert.match(findings[0]?.message ?? "", /write a\.b\/app@sha256:\.\.\. \(crane digest a\.b\/app:v1\)$/);
    });
    it("are judged by none of their content where nobody pins them, though the policy asks for the tag itself", () => {
      const warns = signed({ digest: { required: false, verify: true }, enforcementAction: "warn" });
      for (const digest of [found(DIGEST), DOWN]) {
        const gather = signatures(UNSIGNED, { digest, tag: found(DIGEST) });
        assert.deepEqual(verdicts(judge([warns], subject([TAGGED]), gather)), ["warn signatures TagNotPinned"]);
      }
    });
    it("violate for each content rule that cannot judge them", () => {
      const all = signed({
        scan: { maxVulnerabilities: { critical: 0 } },
        baseImages: { required: true },
        attestations: [{ predicateType: "https://slsa.dev/provenance/v1", authorities: ["k"] }],
      });
      assert.deepEqual(verdicts(judge([all], subject([TAGGED]))), [
        "deny attestations TagNotPinned",
        "deny baseImages TagNotPinned",
        "deny scan TagNotPinned",
        "deny signatures TagNotPinned",
      ]);
    });
    it("are not judged in templates by scans that come after the pod", () => {
      const after = policy({ scan: { sources: [{ vulnerabilityReport: {} }] } });
      assert.deepEqual(verdicts(judge([after], subject([TAGGED], { kind: "Deployment" }))), []);
      assert.deepEqual(verdicts(judge([after], subject([TAGGED]))), ["deny scan TagNotPinned"]);
    });
    it("of a Pod that should be pinned: TagNotPinned if the tag is there after all", () => {
      assert.deepEqual(
        verdicts(judge([signed(), pins], subject([TAGGED]), signatures(PROVED, { digest: found(DIGEST) }))),
        ["deny signatures TagNotPinned"],
      );
      assert.deepEqual(verdicts(judge([signed(), pins], subject([TAGGED]), signatures(PROVED, { digest: DOWN }))), [
        "deny signatures EvidenceUnavailable",
      ]);
    });

    describe("in audits", () => {
      const audit = (place: Place, outcome: SignatureOutcome, some: Partial<ImageFacts>): readonly string[] =>
        verdicts(judge([signed()], subject([TAGGED], place), signatures(outcome, some), "audit"));
      const running = { imageID: `a.b/app@${DIGEST}` };
      it("are judged on the digest that runs, TagNotPinned beside it", () => {
        assert.deepEqual(audit(running, UNSIGNED, { digest: found(DIGEST) }), [
          "deny signatures SignatureMissing",
          "deny signatures TagNotPinned",
        ]);
        assert.deepEqual(audit(running, PROVED, { digest: found(DIGEST) }), ["deny signatures TagNotPinned"]);
        assert.deepEqual(audit(running, PROVED, { digest: DOWN }), [
          "deny signatures EvidenceUnavailable",
          "deny signatures TagNotPinned",
        ]);
      });
      it("are unavailable only for what may pass: an image ID that nobody can read takes the enforcement action", () => {
        const lax = signed({ onUnavailable: "allow" });
        const say = (digest: NonNullable<ImageFacts["digest"]>): readonly string[] =>
          verdicts(judge([lax], subject([TAGGED], running), signatures(PROVED, { digest }), "audit"));
        assert.deepEqual(say(DOWN), ["allow signatures EvidenceUnavailable", "deny signatures TagNotPinned"]);
        assert.deepEqual(say({ ...DOWN, lasting: true }), [
          "deny signatures EvidenceUnavailable",
          "deny signatures TagNotPinned",
        ]);
      });
      it("are only not pinned before an imageID is known, and nobody is asked", () => {
        assert.deepEqual(verdicts(judge([signed()], subject([TAGGED]), undefined, "audit")), [
          "deny signatures TagNotPinned",
        ]);
        assert.deepEqual(verdicts(judge([signed()], subject([TAGGED], { imageID: "" }), undefined, "audit")), [
          "deny signatures TagNotPinned",
        ]);
      });
      it("are judged though DigestRequired stands, but never against a registry that nothing may come from", () => {
        const both = signed({ digest: {} });
        assert.deepEqual(
          verdicts(judge([both], subject([TAGGED], running), signatures(UNSIGNED, { digest: found(DIGEST) }), "audit")),
          ["deny digest DigestRequired", "deny signatures SignatureMissing", "deny signatures TagNotPinned"],
        );
        const denied = signed({ registries: { deny: ["a.b"] } });
        assert.deepEqual(verdicts(judge([denied], subject([TAGGED], running), undefined, "audit")), [
          "deny registries RegistryDenied",
          "deny signatures TagNotPinned",
        ]);
      });
    });
  });

  describe("what does not parse", () => {
    it("is refused by every policy that could be about it", () => {
      const policies = [
        policy({ registries: { allow: ["**"] } }, "a"),
        policy({ digest: { required: false }, match: { images: ["c.d"] } }, "b"),
        policy({ digest: {}, match: { namespaces: ["other"] } }, "c"),
      ];
      const { findings } = judge(policies, subject(["Nginx"]));
      assert.deepEqual(
        findings.map(({ policy: name, rule, reason }) => [name, rule, reason]),
        [
          ["a", "reference", "ImageMalformed"],
          ["b", "reference", "ImageMalformed"],
        ],
      );
    });
    it("with a host that is not ASCII as well: a runtime that took it could read another host", () => {
      const one = policy({ digest: {}, match: { images: ["c.d"] } });
      assert.deepEqual(verdicts(judge([one], subject(["b\u00fccher.example/app"]))), ["deny reference ImageMalformed"]);
    });
    it("is still known by its name where only the digest is wrong", () => {
      const policies = [
        policy({ registries: { deny: ["docker.io"] } }, "a"),
        policy({ digest: {}, match: { images: ["c.d"] } }, "b"),
      ];
      assert.deepEqual(verdicts(judge(policies, subject(["nginx@sha256:abc"]))), [
        "deny digest DigestMalformed",
        "deny registries RegistryDenied",
      ]);
    });
    it("is not the latest tag where its digest is wrong, so that no exclusion of it holds", () => {
      const excluding = policy({ digest: {}, match: { excludeImages: ["**:latest"] } });
      assert.deepEqual(verdicts(judge([excluding], subject(["nginx"]))), []);
      assert.deepEqual(verdicts(judge([excluding], subject(["nginx@sha256:abc"]))), ["deny digest DigestMalformed"]);
      const denying = policy({ registries: { deny: ["**:latest"] } });
      assert.deepEqual(verdicts(judge([denying], subject(["nginx@sha256:abc"]))), ["deny digest DigestMalformed"]);
    });
    it("tells what a host imitates that is not ASCII", () => {
      const one = policy({ registries: { allow: ["registry.company.com"] } });
      assert.deepEqual(verdicts(judge([one], subject(["registry.c\u043empany.com/app"]))), [
        "deny reference ImageMalformed",
        "deny registries LookalikeRegistry",
      ]);
    });
  });

  describe("the decision", () => {
    it("has every finding of every image, sorted, whatever the order of policies", () => {
      const policies = [
        policy({ digest: {}, registries: { deny: ["docker.io"] } }, "b"),
        policy({ digest: {} }, "a"),
        policy({ digest: {} }, "B"),
      ];
      const one = subject(["nginx:2", "nginx:1"]);
      const decision = judge(policies, one);
      assert.deepEqual(
        decision.findings.map(({ policy: name, container, rule }) => `${name} ${container} ${rule}`),
        [
          "B c0 digest",
          "B c1 digest",
          "a c0 digest",
          "a c1 digest",
          "b c0 digest",
          "b c0 registries",
          "b c1 digest",
          "b c1 registries",
        ],
      );
      assert.deepEqual(judge(policies.toReversed(), one), decision);
    });
    it("names the digests that were judged", () => {
      const pins = policy({ digest: { required: false, pin: "Pods" } }, "pins");
      const { digests } = judge(
        [signed(), pins],
        subject([TAGGED, ALONE], { kind: "Deployment" }),
        signatures(PROVED, { digest: found(OTHER_DIGEST) }),
      );
      assert.deepEqual(
        [...digests],
        [
          [ALONE, DIGEST],
          [TAGGED, OTHER_DIGEST],
        ],
      );
      const { findings } = judge(
        [signed(), pins],
        subject([TAGGED], { kind: "Deployment" }),
        signatures(UNSIGNED, { digest: found(OTHER_DIGEST) }),
      );
      assert.equal(findings[0]?.digest, OTHER_DIGEST);
    });
    it("allows what no policy is about", () => {
      assert.deepEqual(judge([], subject(["nginx"])), { verdict: "allow", findings: [], digests: new Map() });
      assert.deepEqual(
        judge([policy({ digest: {}, match: { namespaces: ["x"] } })], subject(["nginx"])).verdict,
        "allow",
      );
    });
    it("says volume of an image volume", async () => {
      const one = subject([]);
      const [image] = subject(["nginx"]).images;
      assert.ok(image !== undefined);
      const decision = await createReview(() => facts({}))(
        request([policy({ digest: {} })], { ...one, images: [{ ...image, field: "volumes", container: "model" }] }),
      );
      assert.match(decision.findings[0]?.message ?? "", /^\[p\] volume "model", image "nginx": DigestRequired: /);
    });
    it("keeps what a stranger writes on one line", () => {
      const { findings } = judge([policy({ digest: {} })], subject(['a"b\n\u202ec']));
      assert.match(findings[0]?.message ?? "", /image "a\\"b\\u\{a\}\\u\{202e\}c": ImageMalformed/);
      const long = judge([policy({ digest: {} })], subject(["x".repeat(100_000)])).findings[0];
      assert.ok((long?.message.length ?? 0) < 600);
    });
  });

  describe("what goes wrong", () => {
    const defects: readonly (readonly [Gather, why: string])[] = [
      [
        () => {
          throw new Error("broken");
        },
        "a gatherer that throws",
      ],
      [() => Promise.reject(new Error("broken")), "one that rejects"],
      [() => undefined as never, "one that gives nothing"],
      [() => Promise.resolve(undefined as never), "one that promises nothing"],
      [() => ({}) as never, "one that gives garbage"],
      [() => facts({ signatures: new Map([["x", null as never]]) }), "one that gives the wrong facts"],
    ];
    for (const [gather, why] of defects) {
      it(`is never a pass: ${why}`, async () => {
        for (const onUnavailable of ["deny", "warn"] as const) {
          const decision = await createReview(gather)(request([signed({ onUnavailable })], subject([ALONE])));
          assert.notEqual(decision.verdict, "allow");
          assert.ok(decision.findings.every(({ reason }) => reason === "EvidenceUnavailable"));
        }
      });
      it(`does not hide other findings: ${why}`, async () => {
        const policies = [signed(), policy({ digest: {} }, "z")];
        const decision = await createReview(gather)(request(policies, subject([ALONE, "nginx:1"])));
        assert.ok(decision.findings.some(({ reason, container }) => reason === "DigestRequired" && container === "c1"));
        assert.ok(
          decision.findings.some(({ reason, container }) => reason === "EvidenceUnavailable" && container === "c0"),
        );
      });
    }
    it("is told to whoever listens", async () => {
      const errors: unknown[] = [];
      const error = new Error("broken");
      await createReview(
        () => Promise.reject(error),
        (one) => errors.push(one),
      )(request([signed()], subject([ALONE])));
      assert.deepEqual(errors, [error]);
    });
  });

  describe("waits", () => {
    it("only where the gatherer does", async () => {
      const gather = signatures(UNSIGNED);
      const at = createReview(gather)(request([signed()], subject([ALONE])));
      const later = createReview((one) => Promise.resolve(gather(one)))(request([signed()], subject([ALONE])));
      assert.ok(!(at instanceof Promise));
      assert.ok(later instanceof Promise);
      assert.deepEqual(await later, at);
    });
    it("for all images at once", async () => {
      const images = [`a.b/x@${DIGEST}`, `a.b/y@${DIGEST}`, `a.b/z@${DIGEST}`];
      let open = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      const gather: Gather = async (one) => {
        if (++open === images.length) resolve();
        await promise;
        return signatures(PROVED)(one);
      };
      const decision = await createReview(gather)(request([signed()], subject(images)));
      assert.equal(decision.verdict, "allow");
    });
  });
});
