import assert from "node:assert/strict";
import type { V1ValidatingWebhook } from "@kubernetes/client-node";
import { guardEntries, pinningEntries, probeEntry } from "../../../webhook/configurations/generate.ts";
import { issueAuthority } from "../../../webhook/certificates/issue.ts";
import type { GuardState } from "../../../webhook/guard/guardState.ts";
import { judgeGuard, type GuardSeen } from "../../../webhook/guard/judgeGuard.ts";
import { weaknesses } from "../../../webhook/guard/weaknesses.ts";

const options = {
  target: { type: "service", namespace: "sec", name: "hook", port: 443 },
  namespace: "sec",
  excludeNamespaces: ["sec", "kube-system"],
} as const;

describe("what is wrong with a webhook configuration", () => {
  let authority: string;
  let foreign: string;
  before(async () => {
    authority = (await issueAuthority(Date.now())).cert;
    foreign = (await issueAuthority(Date.now())).cert;
  });

  const wanted = (): V1ValidatingWebhook[] => [...guardEntries({ ...options, caBundle: authority })];
  const found = (change: (entries: V1ValidatingWebhook[]) => void, managed = true): readonly string[] => {
    const entries = structuredClone(wanted());
    change(entries);
    return weaknesses({ webhooks: entries }, wanted(), authority, managed).map(({ reason }) => reason);
  };
  /** Somebody else writes it, by a way of their own. */
  const elsewhere = (change: (entries: V1ValidatingWebhook[]) => void): readonly string[] =>
    found((entries) => {
      entries.push(probeEntry({ ...options, caBundle: authority }));
      for (const { clientConfig } of entries) {
        clientConfig.url = `https://hook.example/sec${clientConfig.service?.path}`;
        delete clientConfig.service;
      }
      change(entries);
    }, false);

  const ways: readonly (readonly [what: string, change: (entries: V1ValidatingWebhook[]) => void, reasons: string])[] =
    [
      ["another way for all entries", () => undefined, ""],
      ["no probe to compare with", (entries) => void entries.pop(), ""],
      [
        "another server than the probe's",
        ([entry]) => (entry!.clientConfig.url = "https://other.example/sec/validate"),
        "PointsElsewhere",
      ],
      [
        "the path that allows everything",
        ([entry]) => (entry!.clientConfig.url = "https://hook.example/sec/mutate"),
        "PointsElsewhere",
      ],
      [
        "a Service beside the probe's URL",
        ([entry]) => (entry!.clientConfig = { service: { namespace: "sec", name: "hook", path: "/validate" } }),
        "PointsElsewhere",
      ],
    ];
  for (const [what, change, reasons] of ways)
    it(`of somebody else: ${what}`, () =>
      assert.equal(
        elsewhere(change)
          .filter((reason) => reason !== "AuthorityMissing")
          .join(),
        reasons,
      ));

  const encoded = (...pems: readonly string[]): string => Buffer.from(pems.join("")).toString("base64");

  const table: readonly (readonly [what: string, change: (entries: V1ValidatingWebhook[]) => void, reasons: string])[] =
    [
      ["nothing", () => undefined, ""],
      ["all entries are gone", (entries) => entries.splice(0), "EntriesMissing"],
      ["one entry is gone", (entries) => entries.splice(1, 1), "EntriesMissing"],
      [
        "another's entry beside ours",
        ([entry, ...rest]) => rest.push(Object.assign({}, entry, { name: "other.example.com" })),
        "",
      ],
      ["it fails open", ([entry]) => (entry!.failurePolicy = "Ignore"), "FailsOpen"],
      ["failurePolicy is left out: the API server's default is Fail", ([entry]) => delete entry!.failurePolicy, ""],
      ["no CA", ([entry]) => delete entry!.clientConfig.caBundle, "AuthorityMissing"],
      ["an emptied CA", ([entry]) => (entry!.clientConfig.caBundle = ""), "AuthorityMissing"],
      ["a foreign CA", ([entry]) => (entry!.clientConfig.caBundle = encoded(foreign)), "AuthorityMissing"],
      ["a foreign CA beside ours", ([entry]) => (entry!.clientConfig.caBundle = encoded(foreign, authority)), ""],
      [
        "nonsense for a CA",
        ([entry]) =>
          (entry!.clientConfig.caBundle = encoded("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")),
        "AuthorityMissing",
      ],
      ["objects by label", ([entry]) => (entry!.objectSelector = { matchLabels: { a: "b" } }), "Narrowed"],
      ["an empty object selector", ([entry]) => (entry!.objectSelector = {}), ""],
      [
        "one more namespace",
        ([entry]) => entry!.namespaceSelector!.matchExpressions![0]!.values!.push("x"),
        "Narrowed",
      ],
      ["every namespace", ([entry]) => (entry!.namespaceSelector = {}), ""],
      ["a condition more", ([entry]) => entry!.matchConditions!.push({ name: "x", expression: "false" }), "Narrowed"],
      ["another condition", ([entry]) => (entry!.matchConditions![0]!.expression = "false"), "Narrowed"],
      ["no condition", ([entry]) => delete entry!.matchConditions, ""],
      ["no rule", ([entry]) => (entry!.rules = []), "Narrowed"],
      ["no UPDATE", ([entry]) => (entry!.rules![0]!.operations = ["CREATE"]), "Narrowed"],
      ["no ephemeral containers", ([entry]) => (entry!.rules![0]!.resources = ["pods"]), "Narrowed"],
      ["pods/* has them", ([entry]) => (entry!.rules![0]!.resources = ["pods", "pods/*"]), ""],
      ["* has no subresources", ([entry]) => (entry!.rules![0]!.resources = ["*"]), "Narrowed"],
      [
        "everything",
        ([entry]) => (entry!.rules = [{ apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"] }]),
        "",
      ],
      ["another version alone", ([entry]) => (entry!.rules![0]!.apiVersions = ["v2"]), "Narrowed"],
      ["objects without a namespace", ([entry]) => (entry!.rules![0]!.scope = "Cluster"), "Narrowed"],
      ["this version alone", ([entry]) => (entry!.matchPolicy = "Exact"), "Narrowed"],
      [
        "another Service",
        ([entry]) => (entry!.clientConfig.service = { namespace: "x", name: "hook" }),
        "PointsElsewhere",
      ],
      [
        "several, worst first",
        (entries) => {
          entries.splice(2, 1);
          entries[0]!.failurePolicy = "Ignore";
          entries[1]!.objectSelector = { matchLabels: { a: "" } };
        },
        "EntriesMissing FailsOpen Narrowed",
      ],
    ];
  for (const [what, change, reasons] of table)
    it(`${what}: ${reasons || "all is well"}`, () => assert.equal(found(change).join(" "), reasons));

  it("a configuration that is not there", () =>
    assert.deepEqual(weaknesses(undefined, wanted(), authority, true), [
      { reason: "ConfigurationMissing", message: "is missing" },
    ]));

  it("others may have another way to the webhook", () =>
    assert.deepEqual(
      found(([entry]) => (entry!.clientConfig.service = { namespace: "x", name: "hook", path: "/validate" }), false),
      [],
    ));

  describe("becomes a state that policies show", () => {
    const judge = (changes: Partial<GuardSeen>): GuardState => {
      const live = { validating: { webhooks: wanted() }, mutating: undefined };
      return judgeGuard({
        seen: { authority },
        live,
        guard: wanted(),
        pinning: [],
        manage: true,
        trouble: undefined,
        proven: true,
        ...changes,
      });
    };
    const told = (state: GuardState): string =>
      "message" in state ? `${state.status} ${state.message}` : state.status;

    it("with what it means and what to do", () => {
      const live = { validating: undefined, mutating: undefined };
      assert.match(told(judge({})), /^enforced .*seen to reach it/);
      assert.match(told(judge({ proven: false })), /^enforced .*was not seen/);
      assert.match(told(judge({ live })), /is missing: images get in without being judged; the operator puts it right/);
      assert.match(told(judge({ live, manage: false })), /--manage-webhooks=false/);
      assert.match(
        told(judge({ live, seen: { authority, refused: "no right" } })),
        /could not put it right \(no right\)/,
      );
      assert.match(
        told(judge({ trouble: { status: "unreachable", cause: "refused" } })),
        /^gap the API server does not reach the webhook \(refused\)/,
      );
      assert.match(told(judge({ trouble: { status: "notAsked" } })), /^gap .*did not ask/);
      assert.match(told(judge({ seen: { stays: "leaving" } })), /^gap .*being removed/);
    });

    it("and tells apart that tags are not pinned", () => {
      const pinning = pinningEntries({ ...options, caBundle: authority });
      const live = { validating: { webhooks: wanted() }, mutating: { webhooks: [...pinning] } };
      assert.equal((judge({ live, pinning }) as { pinning?: string }).pinning, undefined);
      const state = judge({ pinning });
      assert.match((state as { pinning?: string }).pinning ?? "", /tags are not pinned.*is missing/);
      assert.equal(state.status, "enforced");
    });
  });
});
