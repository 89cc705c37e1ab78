import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { denialOf, type Denial } from "../../../webhook/review/denial.ts";
import { createDenialLog } from "../../../webhook/review/denialLog.ts";
import { finding } from "./support/findings.ts";
import { recordLogger } from "./support/recorders.ts";
import { pod, request } from "./support/requests.ts";

const owned = pod(["nginx"], {
  metadata: {
    ownerReferences: [
      { kind: "Node", name: "n" },
      { kind: "ReplicaSet", name: "web-6d4cf", controller: true },
    ],
  },
});

describe("a denial, for the log and for who collects them", () => {
  it("says who was refused what, by whom and why, sorted and each once", () => {
    const findings = [
      finding({ policy: "signed", reason: "SignatureMissing", image: "b" }),
      finding({ policy: "digests", reason: "DigestRequired", image: "b" }),
      finding({ policy: "digests", reason: "DigestRequired", image: "a" }),
    ];
    const asked = request("Pod", owned);
    assert.deepEqual(denialOf(asked, findings, 1.2345), {
      uid: asked.uid,
      operation: "CREATE",
      kind: "Pod",
      namespace: "default",
      name: "web",
      owner: "ReplicaSet/web-6d4cf",
      user: asked.userInfo.username,
      policies: ["digests", "signed"],
      reasons: ["DigestRequired", "SignatureMissing"],
      images: ["a", "b"],
      findings: 3,
      duration: 1.2,
      dryRun: false,
    } satisfies Denial);
  });

  it("has the beginning of a name that is yet to be made, and no owner where nothing controls", () => {
    const unnamed = pod(["nginx"], { metadata: { name: undefined, generateName: "web-" } });
    const { name, owner } = denialOf(request("Pod", unnamed, { name: "" }), [finding()], 0);
    assert.deepEqual([name, owner], ["web-", undefined]);
  });

  const images: readonly (readonly [written: string, told: string, why: string])[] = [
    ["user:hunter2@registry.io/x", "***@registry.io/x", "credentials before a host"],
    ["https://user:hunter2@registry.io/x:1", "https://***@registry.io/x:1", "as in a URL"],
    ["token@registry.io/x", "***@registry.io/x", "a token alone"],
    ["registry.io/x:1@sha256:abc", "registry.io/x:1@sha256:abc", "a digest"],
    ["x:1@sha256:abc", "x:1@sha256:abc", "a digest without a host"],
    ["registry.io/a@b/c", "registry.io/a@b/c", "behind a slash nobody writes a password"],
    ["a\nb", "a\\u{a}b", "a line end"],
  ];
  for (const [written, told, why] of images)
    it(`tells ${JSON.stringify(written)} as ${JSON.stringify(told)}: ${why}`, () =>
      assert.deepEqual(denialOf(request("Pod", owned), [finding({ image: written })], 0).images, [told]));

  it("stays a line below 16 KiB, whatever a tenant writes", () => {
    const nasty = (index: number): string => `${index}${'\u{10ffff}"\\'.repeat(2_000)}`;
    const many = Array.from({ length: 5_000 }, (_, index) => finding({ image: nasty(index), policy: `p${index}` }));
    const metadata = { ownerReferences: [{ kind: nasty(0), name: nasty(1), controller: true }] };
    const asked = request("Pod", pod([], { metadata }), { name: nasty(2), namespace: nasty(3) });
    const denial = denialOf({ ...asked, userInfo: { username: nasty(4), groups: [] } }, many, 0);
    assert.ok(JSON.stringify(denial).length < 16_000, String(JSON.stringify(denial).length));
    assert.equal(denial.findings, 5_000);
  });
});

describe("the log of denials", () => {
  const denial = (namespace: string): Denial => denialOf(request("Pod", owned, { namespace }), [finding()], 0);

  it("has one line for each", () => {
    const logger = recordLogger();
    const tell = createDenialLog(logger);
    tell(denial("a"));
    tell(denial("a"));
    assert.deepEqual(
      logger.lines.map(([level, message]) => [level, message]),
      [
        ["info", "denied"],
        ["info", "denied"],
      ],
    );
    assert.equal((logger.lines[0]![2] as Denial).namespace, "a");
  });

  it("is bounded, with room for others beside a namespace that floods, and says what it left out", async () => {
    const logger = recordLogger();
    const tell = createDenialLog(logger);
    for (let count = 0; count < 1_000; count += 1) tell(denial("flood"));
    tell(denial("quiet"));
    assert.equal(logger.lines.length, 21);
    assert.equal((logger.lines[20]![2] as Denial).namespace, "quiet");
    for (let count = 0; count < 1_000; count += 1) tell(denial(`n${count}`));
    assert.equal(logger.lines.length, 200, "all together");
    await wait(1_100);
    assert.deepEqual(logger.lines[200], ["warn", "more denials than are logged one by one", { count: 1_801 }]);
    tell(denial("flood"));
    assert.equal(logger.lines.length, 202);
  });

  it("says nothing where such lines are not wanted", () => {
    const logger = { ...recordLogger(), isLevelEnabled: () => false };
    createDenialLog(logger)(denial("a"));
    assert.equal(logger.lines.length, 0);
  });
});
