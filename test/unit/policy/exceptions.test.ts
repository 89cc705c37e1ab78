import assert from "node:assert/strict";
import type { ExceptionMatch, ExceptionSpec, ImageSecurityException } from "../../../crds/types.ts";
import { compileException } from "../../../policy/exceptions/compileException.ts";
import { isInForce, mayConcern } from "../../../policy/exceptions/compiledException.ts";
import { exemptionsOf } from "../../../policy/exceptions/exempt.ts";
import { standingOf } from "../../../policy/exceptions/standing.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { at, BOUNDS, DAY, exception } from "./excepting.ts";
import { DIGEST, NOW, OTHER_DIGEST, subject, type Place } from "./judging.ts";

const finding = (more: Partial<Finding> = {}): Finding => ({
  policy: "production",
  rule: "scan",
  reason: "ScanStale",
  container: "c0",
  image: "i",
  action: "deny",
  message: "m",
  ...more,
});

/** The name of the exception that silences a finding about this image. */
function silencer(
  spec: Partial<ExceptionSpec>,
  { image = `registry.company.com/team/app@${DIGEST}`, digest, place = {}, found = {} }: Asked = {},
): string | undefined {
  const one = subject([image], place);
  const [use] = one.images;
  assert.ok(use);
  return exemptionsOf([exception(spec)], one, NOW)(finding(found), use, digest).exempted?.by;
}

interface Asked {
  readonly image?: string;
  readonly digest?: string | undefined;
  readonly place?: Place;
  readonly found?: Partial<Finding>;
}

describe("an exception", () => {
  describe("covers", () => {
    const cases: readonly (readonly [why: string, spec: Partial<ExceptionSpec>, asked: Asked, covered: boolean])[] = [
      ["everything that it says of itself", {}, {}, true],
      ["a policy by its name", { policies: ["production"] }, {}, true],
      ["no policy of another name", { policies: ["prod"] }, {}, false],
      ["policies by a glob", { policies: ["staging", "prod*"] }, {}, true],
      ["a rule by its name", { rules: ["digest", "scan"] }, {}, true],
      ["no other rule", { rules: ["digest"] }, {}, false],
      ["no finding of another policy", { policies: ["production"] }, { found: { policy: "team" } }, false],
      ["a namespace", { match: { namespaces: ["team"] } }, {}, true],
      ["namespaces by a glob", { match: { namespaces: ["te*"] } }, {}, true],
      ["no other namespace", { match: { namespaces: ["tea"] } }, {}, false],
      ["an image by a pattern", { match: { images: ["registry.company.com/team/**"] } }, {}, true],
      ["no other image", { match: { images: ["registry.company.com/other/**"] } }, {}, false],
      ["no image whose name only begins alike", { match: { images: ["registry.company.com/team"] } }, {}, false],
      [
        "labels beside a namespace",
        { match: { namespaces: ["team"], objectSelector: { matchLabels: { app: "legacy" } } } },
        { place: { labels: { app: "legacy" } } },
        true,
      ],
      [
        "no object without the labels",
        { match: { namespaces: ["team"], objectSelector: { matchLabels: { app: "legacy" } } } },
        { place: { labels: { app: "new" } } },
        false,
      ],
      [
        "no image in another namespace, where both are given",
        { match: { namespaces: ["other"], images: ["registry.company.com/**"] } },
        {},
        false,
      ],
      ["a digest", { match: { digests: [OTHER_DIGEST, DIGEST] } }, { digest: DIGEST }, true],
      ["no other digest", { match: { digests: [OTHER_DIGEST] } }, { digest: DIGEST }, false],
      ["nothing by digest where none is known", { match: { digests: [DIGEST] } }, { digest: undefined }, false],
      [
        "no digest of another repository, where both are given",
        { match: { digests: [DIGEST], images: ["docker.io/**"] } },
        { digest: DIGEST },
        false,
      ],
      ["a finding of the parser by a namespace", {}, { image: "Not an image", found: { rule: "reference" } }, true],
      [
        "no text by a pattern that is no reference",
        { match: { images: ["**"] } },
        { image: "Not an image", found: { rule: "reference" } },
        false,
      ],
      [
        "a reference whose digest alone is malformed, by its name",
        { match: { images: ["registry.company.com/team/app"] } },
        { image: "registry.company.com/team/app@sha256:abc", found: { rule: "digest", reason: "DigestMalformed" } },
        true,
      ],
      [
        "nothing that stands for what nobody could read",
        {},
        { found: { rule: "reference", reason: "EvidenceUnavailable" } },
        false,
      ],
      ["no revocation by a wildcard", {}, { found: { policy: "revocation.incident" } }, false],
      ["no revocation by one in its name", { policies: ["rev*"] }, { found: { policy: "revocation.incident" } }, false],
    ];
    for (const [why, spec, asked, covered] of cases)
      it(why, () => assert.equal(silencer(spec, asked), covered ? "e" : undefined));
  });

  describe("compares the normalised reference", () => {
    const spelled = [
      "nginx",
      "docker.io/nginx:1",
      "index.docker.io/library/nginx",
      "registry-1.docker.io:443/library/nginx",
    ];
    for (const image of spelled) {
      it(`${image} is docker.io/library/nginx`, () =>
        assert.equal(silencer({ match: { images: ["docker.io/library/nginx"] } }, { image }), "e"));
      it(`${image} is no image of another registry`, () =>
        assert.equal(silencer({ match: { images: ["registry.company.com/**"] } }, { image }), undefined));
    }
    it("a host that only looks alike is another", () =>
      assert.equal(
        silencer({ match: { images: ["registry.company.com/**"] } }, { image: "registry.company.com.evil.io/a:1" }),
        undefined,
      ));
  });

  it("silences until it expires, to the millisecond", () => {
    const one = exception({ expires: at(NOW + 1_000) });
    assert.equal(isInForce(one, NOW + 999), true);
    assert.equal(isInForce(one, NOW + 1_000), false);
    assert.equal(isInForce(one, NaN), false, "a clock that is none");
  });

  it("says until when, and names of several the one that ends last", () => {
    const exceptions = [
      exception({ expires: at(NOW + DAY) }, "a"),
      exception({ expires: at(NOW + 2 * DAY) }, "c"),
      exception({ expires: at(NOW + 2 * DAY) }, "b"),
    ];
    const one = subject(["nginx"]);
    const [use] = one.images;
    assert.ok(use);
    for (const order of [exceptions, exceptions.toReversed()])
      assert.deepEqual(exemptionsOf(order, one, NOW)(finding(), use, undefined).exempted, {
        by: "b",
        expires: "2026-06-03T12:00:00Z",
      });
  });

  describe("is refused", () => {
    const DAYS = 86_400_000;
    const cases: readonly (readonly [why: string, spec: object, reason: string, message: RegExp])[] = [
      [
        "for lasting longer than it may",
        { expires: at(NOW + 91 * DAYS) },
        "TooLong",
        /^expires 91d after .* 90d; create/,
      ],
      [
        "for half of it",
        { rules: ["scan", "revocation"], policies: ["revocation.x"] },
        "NotPermitted",
        /rules: \[revocation\]/,
      ],
      ["for All of a revocation", { policies: ["revocation.x"] }, "NotPermitted", /rules: \[revocation\]/],
      ["for a rule of policies", { policies: ["revocation.x"], rules: ["scan"] }, "NotPermitted", /other rules/],
      ["for revocations by a wildcard", { policies: ["*"], rules: ["revocation"] }, "NotPermitted", /exact name/],
      [
        "for a wildcard in the name",
        { policies: ["revocation.x*"], rules: ["revocation"] },
        "NotPermitted",
        /exact name/,
      ],
      [
        "for two",
        { policies: ["revocation.x", "revocation.y"], rules: ["revocation"] },
        "NotPermitted",
        /one exact name/,
      ],
      [
        "for a policy beside it",
        { policies: ["revocation.x", "p"], rules: ["revocation"] },
        "NotPermitted",
        /exact name/,
      ],
      [
        "for any image",
        { policies: ["revocation.x"], rules: ["revocation"] },
        "NotPermitted",
        /match.images or match.digests/,
      ],
      [
        "for images by a wildcard",
        { policies: ["revocation.x"], rules: ["revocation"], match: { images: ["a.io/b", "a.io/**"] } },
        "NotPermitted",
        /about "a.io\/\*\*"/,
      ],
      [
        "for a whole registry",
        { policies: ["revocation.x"], rules: ["revocation"], match: { images: ["registry.company.com"] } },
        "NotPermitted",
        /exact repositories/,
      ],
      [
        "for more than a week of a revocation",
        {
          policies: ["revocation.x"],
          rules: ["revocation"],
          match: { images: ["a.io/b"] },
          expires: at(NOW + 7 * DAYS + 1),
        },
        "TooLong",
        /the rule revocation allows 7d/,
      ],
      [
        "for labels alone",
        { match: { objectSelector: { matchLabels: { a: "b" } } } },
        "InvalidSpec",
        /spec.match: names neither/,
      ],
      [
        "for a pattern that cannot be read",
        { match: { images: ["nginx"] } },
        "InvalidSpec",
        /spec.match.images\[0\]: "nginx" is ambiguous/,
      ],
      ["for a digest that is none", { match: { digests: ["sha256:abc"] } }, "InvalidSpec", /spec.match.digests\[0\]/],
      ["for a digest in capitals", { match: { digests: [DIGEST.toUpperCase()] } }, "InvalidSpec", /digests\[0\]/],
      ["for a time that is none", { expires: "tomorrow" }, "InvalidSpec", /spec.expires: "tomorrow"/],
      ["for a time of no day", { expires: "2026-02-30T00:00:00Z" }, "InvalidSpec", /spec.expires/],
      [
        "for an unknown field",
        { match: { namespaces: ["a"], image: ["b"] } },
        "InvalidSpec",
        /spec.match.image: is not a known/,
      ],
      ["for an unknown rule", { rules: ["scans"] }, "InvalidSpec", /spec.rules\[0\]/],
      ["for an empty list", { match: { namespaces: [] } }, "InvalidSpec", /spec.match.namespaces: is empty/],
      ["for no reason", { reason: null }, "InvalidSpec", /spec.reason: is missing/],
      [
        "for an empty selector",
        { match: { namespaces: ["a"], objectSelector: {} } },
        "InvalidSpec",
        /objectSelector: is empty/,
      ],
    ];
    for (const [why, spec, reason, message] of cases) {
      it(why, () => {
        const one = exception(spec);
        assert.equal(one.refused?.reason, reason);
        assert.match(one.refused.message, message);
        assert.equal(isInForce(one, NOW), false);
        assert.equal(silencer(spec, { digest: DIGEST }), undefined, "it silences nothing");
      });
    }

    for (const match of [
      { images: ["a.io/b", "a.io/c:v1"] },
      { digests: [DIGEST] },
    ] satisfies readonly ExceptionMatch[])
      it(`but not for ${JSON.stringify(match)} of one revocation`, () =>
        assert.equal(
          exception({ policies: ["revocation.x"], rules: ["revocation"], match, expires: at(NOW + 7 * DAYS) }).refused,
          undefined,
        ));
    it("for what a revocation's exception says of other findings", () => {
      const spec: Partial<ExceptionSpec> = {
        policies: ["revocation.x"],
        rules: ["revocation"],
        match: { digests: [DIGEST] },
        expires: at(NOW + DAY),
      };
      assert.equal(silencer(spec, { digest: DIGEST }), undefined);
    });
  });

  it("counts how long it lasts from its creation, in a file from now", () => {
    const written: ImageSecurityException = {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name: "e" },
      spec: {
        policies: ["*"],
        rules: ["All"],
        match: { namespaces: ["a"] },
        reason: "x",
        expires: at(NOW + 90 * DAY),
      },
    };
    assert.equal(compileException(written, BOUNDS).refused, undefined);
    assert.equal(compileException(written, { ...BOUNDS, now: NOW - 1 }).refused?.reason, "TooLong");
    const older = { ...written, metadata: { name: "e", creationTimestamp: at(NOW - DAY) } };
    assert.equal(compileException(older, BOUNDS).refused?.reason, "TooLong", "prolonging it does not help");
  });

  it("keeps the key of what it says", () => {
    assert.equal(exception().key, exception().key);
    assert.notEqual(exception().key, exception({ expires: at(NOW + DAY) }).key);
    assert.notEqual(exception().key, exception({}, "e", { ...BOUNDS, maxDuration: DAY }).key);
  });

  it("may concern an object for any of its images", () => {
    const one = exception({ match: { namespaces: ["team"], images: ["a.io/**"] } });
    assert.equal(mayConcern(one, subject(["b.io/x", "a.io/y:1"])), true);
    assert.equal(mayConcern(one, subject(["b.io/x"])), false);
    assert.equal(mayConcern(one, subject(["a.io/y:1"], { namespace: "other" })), false);
    assert.equal(mayConcern(exception({ match: { digests: [DIGEST] } }), subject(["b.io/x"])), true);
  });

  describe("stands as", () => {
    const standing = (spec: object, now: number, silenced?: number): string => {
      const { active, reason, expiring } = standingOf(exception(spec), now, silenced, () => true);
      return `${reason} ${active}${expiring ? " expiring" : ""}`;
    };
    const month = 30 * DAY;
    it("Active", () => assert.equal(standing({}, NOW, 1), "Active true"));
    it("Active before anybody looked", () => assert.equal(standing({}, NOW), "Active true"));
    it("Unused", () => assert.equal(standing({}, NOW, 0), "Unused true"));
    const names: readonly (readonly [policies: readonly string[], silenced: number, missing: string | undefined])[] = [
      [["production"], 0, undefined],
      [["prodction"], 0, "prodction"],
      [["zebra", "production", "ant"], 1, "ant, zebra"],
      [["prodc*"], 0, undefined],
      [["revocation.x"], 0, undefined],
    ];
    for (const [policies, silenced, missing] of names)
      it(`${missing === undefined ? "one without" : "one with"} a name that no policy has: ${policies.join()}`, () => {
        const isPolicy = (name: string): boolean => name === "production";
        const revocation = { rules: ["revocation"], match: { digests: [DIGEST] }, expires: at(NOW + DAY) };
        const spec = { policies, ...(policies.includes("revocation.x") ? revocation : {}) };
        const { message } = standingOf(exception(spec), NOW, silenced, isPolicy);
        assert.equal(/there is no policy ([^;]*)/.exec(message)?.[1], missing, message);
      });
    it("expiring in its last week", () => {
      assert.equal(standing({}, NOW + month - 7 * DAY - 1, 1), "Active true");
      assert.equal(standing({}, NOW + month - 7 * DAY, 1), "Active true expiring");
    });
    it("Expired", () => assert.equal(standing({}, NOW + month, 1), "Expired false"));
    it("TooLong", () => assert.equal(standing({ expires: at(NOW + 91 * DAY) }, NOW, 0), "TooLong false"));
    it("NotPermitted", () => assert.equal(standing({ rules: ["revocation"] }, NOW, 0), "NotPermitted false"));
    it("InvalidSpec", () => assert.equal(standing({ rules: [] }, NOW, 0), "InvalidSpec false"));
  });
});
