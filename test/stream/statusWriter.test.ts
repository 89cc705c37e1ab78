import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { ExceptionStatus, PolicyStatus } from "../../crds/types.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { fieldsOf } from "../../json/fields.ts";
import { SILENT } from "../../kube/log.ts";
import type { PolicyCounts } from "../../operator/status/policyStatus.ts";
import {
  projectException,
  projectPolicy,
  sameGeneration,
  type ExceptionRecord,
  type PolicyRecord,
} from "../../operator/policies/policies.ts";
import { StatusWriter } from "../../operator/status/statusWriter.ts";
import { Reflector } from "../../kube/cache/reflector.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import { compileException } from "../../policy/exceptions/compileException.ts";
import { at, DAY } from "../unit/policy/excepting.ts";
import { NOW } from "../unit/policy/judging.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { GuardState } from "../../webhook/guard/guardState.ts";
import { FakeApiServer, json, until } from "../unit/kube/fakeApiServer.ts";

const POLICIES = "/apis/imagesecurity.dev/v1/imagesecuritypolicies";
const EXCEPTIONS = "/apis/imagesecurity.dev/v1/imagesecurityexceptions";

describe("writing statuses", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let policies: Reflector<PolicyRecord>;
  let exceptions: Reflector<ExceptionRecord>;
  let writer: StatusWriter;
  let counts: PolicyCounts;
  let leading: boolean;
  let trust: string[];
  let guard: GuardState;
  let enforcedNews: string[];
  let readyNews: string[];
  let expiring: string[];
  let silenced: number | undefined;
  let now: () => number;
  let compiled: Map<string, CompiledPolicy>;

  beforeEach(async () => {
    server = new FakeApiServer();
    server.define(POLICIES);
    server.define(EXCEPTIONS);
    await server.start();
    client = server.client();
    counts = { violations: 1, exempted: 0, notStored: 0, auditedAt: 1_000_000_000_000 };
    leading = true;
    trust = [];
    guard = { status: "unknown" };
    enforcedNews = [];
    readyNews = [];
    expiring = [];
    silenced = undefined;
    now = Date.now;
    compiled = new Map();
    const common = { client, log: SILENT, timing: { backoffBase: 10, backoffLimit: 50 } };
    policies = new Reflector({
      ...common,
      resource: "policies",
      path: POLICIES,
      project: projectPolicy,
      same: sameGeneration,
    });
    exceptions = new Reflector({
      ...common,
      resource: "exceptions",
      path: EXCEPTIONS,
      project: projectException,
      same: sameGeneration,
    });
    writer = new StatusWriter({
      client,
      policies: policies.store,
      exceptions: exceptions.store,
      compiled: (name) => compiled.get(name),
      counts: () => counts,
      leadership: { mayWrite: () => leading },
      onTrustChanged: ({ name }, { message, lost }) => trust.push(`${name}: ${message}${lost ? " (lost)" : ""}`),
      onReadyChanged: ({ name }, ready, message) => readyNews.push(`${name}: ${ready} ${message}`),
      guard: () => guard,
      onEnforcedChanged: ({ name }, enforced, message) => enforcedNews.push(`${name}: ${enforced} ${message}`),
      exception: (name) => {
        const record = exceptions.store.get(name);
        return record && compileException(record.exception, { maxDuration: 90 * DAY, now: now() });
      },
      silencedBy: () => silenced,
      onExpiring: ({ name }, message) => expiring.push(`${name}: ${message}`),
      now: () => now(),
      log: SILENT,
      rest: 10,
    });
    policies.start();
    exceptions.start();
    await Promise.all([policies.untilSynced(), exceptions.untilSynced()]);
    await until("watched", () => server.watching(POLICIES) === 1);
  });
  afterEach(async () => {
    await writer.close();
    await Promise.all([policies.stop(), exceptions.stop()]);
    await client.close();
    await server.stop();
  });

  const put = async (name: string, spec: object = { digest: {} }, generation = 1): Promise<void> => {
    const status = server.get(POLICIES, name)?.["status"];
    const object = {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      spec,
      ...(status === undefined ? {} : { status }),
    };
    server.put(POLICIES, { ...object, metadata: { name, generation } });
    await until("seen", () => policies.store.get(name)?.generation === generation);
    const record = policies.store.get(name);
    assert.ok(record !== undefined);
    compiled.set(
      name,
      compilePolicy(record.policy, () => ({ status: "missing", message: "none" })),
    );
  };
  // The CRD's type says what a status holds; this server stores what it is sent.
  const statusOf = (name: string): PolicyStatus => fieldsOf(server.get(POLICIES, name)?.["status"]);
  const patches = (): number => server.requests.filter(({ method }) => method === "PATCH").length;
  const settled = async (): Promise<void> => {
    await wait(40);
    await writer.settled();
  };

  it("writes once what it finds, and again only what changes", async () => {
    await put("p");
    writer.begin();
    await until("written", () => statusOf("p").violations === 1);
    await settled();
    for (let round = 0; round < 5; round += 1) {
      writer.refresh();
      await settled();
    }
    assert.equal(patches(), 1);
    counts = { ...counts, violations: 2 };
    writer.refresh();
    await until("written again", () => statusOf("p").violations === 2);
    assert.equal(patches(), 2);
  });

  it("says of every policy that admission is not enforced, tells of it once, and again when it is", async () => {
    await put("p");
    await put("q");
    guard = { status: "enforced", message: "asked", pinning: undefined };
    writer.begin();
    const enforced = (name: string): string | undefined =>
      statusOf(name).conditions?.find(({ type }) => type === "Enforced")?.status;
    await until("written", () => enforced("p") === "True" && enforced("q") === "True");
    assert.equal(enforcedNews.length, 0, "from the start is no news");
    guard = { status: "gap", reason: "FailsOpen", message: "fails open", pinning: undefined };
    for (let round = 0; round < 3; round += 1) {
      writer.refresh();
      await settled();
    }
    await until("said", () => enforced("p") === "False" && enforced("q") === "False");
    assert.deepEqual(
      enforcedNews.toSorted((one, other) => one.localeCompare(other)),
      ["p: false fails open", "q: false fails open"],
    );
    guard = { status: "unknown" };
    writer.refresh();
    await settled();
    assert.equal(enforced("p"), "False", "what was said stays while nobody has looked");
    guard = { status: "enforced", message: "asked", pinning: undefined };
    writer.refresh();
    await until("healed", () => enforced("p") === "True" && enforced("q") === "True");
    await until("told", () => enforcedNews.length === 4);
  });

  it("gathers what changes all the time", async () => {
    await put("p");
    writer.begin();
    for (let violations = 1; violations <= 200; violations += 1) {
      counts = { ...counts, violations };
      writer.refresh();
      await wait(1);
    }
    await until("the last one", () => statusOf("p").violations === 200);
    assert.ok(patches() < 100, `${patches()} writes for 200 changes`);
  });

  it("writes nothing about a version that is not compiled yet", async () => {
    await put("p");
    writer.begin();
    await settled();
    const before = patches();
    const old = compiled.get("p");
    await put("p", { digest: { allowTag: false } }, 2);
    compiled.set("p", old!);
    writer.refresh();
    await settled();
    assert.equal(patches(), before);
    assert.equal(statusOf("p").observedGeneration, 1);
    await put("p", { digest: { allowTag: false } }, 2);
    writer.refresh();
    await until("observed", () => statusOf("p").observedGeneration === 2);
  });

  it("gets over conflicts and errors, and over a policy that is gone", async () => {
    await put("p");
    await put("gone");
    const answers = [409, 500, 404];
    server.faults.push((request, response) => {
      const status = request.method === "PATCH" ? answers.shift() : undefined;
      if (status !== undefined) json(response, status, { kind: "Status", code: status });
      return status !== undefined;
    });
    server.forget(POLICIES, "gone");
    writer.begin();
    await until("written", () => statusOf("p").violations === 1);
    await until("forgotten", () => policies.store.get("gone") === undefined);
    await settled();
  });

  for (const [what, anew] of [
    ["deleted", false],
    ["made anew", true],
  ] as const) {
    it(`does not bring back a policy that was ${what} before the answer about its status came`, async () => {
      await put("p");
      let late = false;
      server.faults.push(async (request, response) => {
        if (request.method !== "PATCH" || late) return false;
        late = true;
        const old = server.put(POLICIES, { ...server.get(POLICIES, "p")!, status: { violations: 1 } });
        server.delete(POLICIES, "p");
        if (anew)
          server.put(POLICIES, { metadata: { name: "p", uid: "another", generation: 1 }, spec: { digest: {} } });
        await until("told of it", () => policies.store.get("p")?.uid === (anew ? "another" : undefined));
        policies.onChange((_key, _before, after) => told.push(after?.uid));
        json(response, 200, old);
        return true;
      });
      const told: (string | undefined)[] = [];
      writer.begin();
      await until("asked", () => late);
      await settled();
      assert.deepEqual(told, []);
      assert.equal(policies.store.get("p")?.uid, anew ? "another" : undefined);
    });
  }

  it("keeps a policy that was made anew before the answer came that the old one is gone", async () => {
    await put("p");
    let late = false;
    server.faults.push(async (request, response, url) => {
      if (late || !url.pathname.startsWith(`${POLICIES}/p`)) return false;
      late = request.method === "GET";
      if (late) {
        server.delete(POLICIES, "p");
        server.put(POLICIES, { metadata: { name: "p", uid: "another", generation: 1 }, spec: { digest: {} } });
        await until("told of it", () => policies.store.get("p")?.uid === "another");
      }
      json(response, 404, { kind: "Status", code: 404 });
      return true;
    });
    writer.begin();
    await until("asked", () => late);
    await settled();
    assert.equal(policies.store.get("p")?.uid, "another");
  });

  it("does not overwrite a status that was written by another meanwhile", async () => {
    await put("p");
    let raced = false;
    server.faults.push((request) => {
      if (request.method === "PATCH" && !raced) {
        raced = true;
        server.put(POLICIES, {
          ...server.get(POLICIES, "p")!,
          metadata: { name: "p", generation: 1 },
          status: { violations: 99 },
        });
      }
      return false;
    });
    writer.begin();
    await until("written on what the other wrote", () => statusOf("p").violations === 1);
    assert.equal(patches(), 2);
  });

  it("tells that a policy is not ready, and that it is again", async () => {
    await put("p", { digest: {}, match: { images: ["nginx"] } });
    await put("good");
    writer.begin();
    await until("told", () => readyNews.length === 1);
    assert.match(readyNews[0] ?? "", /^p: false spec\.match\.images\[0\]: /, "what is ready from the start is no news");
    await put("p", { digest: {} }, 2);
    writer.refresh();
    await until("told again", () => readyNews.length === 2);
    await settled();
    assert.deepEqual(readyNews.slice(1), ["p: true the policy is compiled"]);
  });

  it("tells when trust has changed, once it is written", async () => {
    const key = (text: string): object => ({
      digest: {},
      authorities: [{ name: "a", key: { pem: text } }],
      signatures: { authorities: ["a"] },
    });
    const [first, second] = KEYS;
    await put("p", key(first));
    writer.begin();
    await until("written", () => (statusOf("p").authorities?.length ?? 0) > 0);
    await settled();
    assert.deepEqual(trust, [], "a new policy changes no trust");
    await put("p", key(second), 2);
    writer.refresh();
    await until("told", () => trust.length > 0);
    await settled();
    assert.equal(trust.length, 1);
    assert.match(trust[0] ?? "", /^p: a has changed from sha256:[0-9a-f]{64} to sha256:[0-9a-f]{64} \(lost\)$/);
  });

  it("writes nothing when it does not lead", async () => {
    await put("p");
    writer.refresh();
    await settled();
    assert.equal(patches(), 0);
    leading = false;
    writer.begin();
    await wait(60);
    assert.equal(patches(), 0);
    writer.reset();
    leading = true;
    await wait(60);
    assert.equal(patches(), 0);
  });

  describe("of exceptions", () => {
    const putException = async (spec: object = {}, generation = 1): Promise<void> => {
      const status = server.get(EXCEPTIONS, "e")?.["status"];
      const { metadata, ...rest } = {
        metadata: { name: "e", generation, creationTimestamp: at(NOW) },
        spec: {
          policies: ["*"],
          rules: ["All"],
          match: { namespaces: ["legacy"] },
          reason: "x",
          expires: at(NOW + 30 * DAY),
          ...spec,
        },
      };
      server.put(EXCEPTIONS, { ...rest, metadata, ...(status === undefined ? {} : { status }) });
      await until("seen", () => exceptions.store.get("e")?.generation === generation);
    };
    const conditions = (): readonly string[] => {
      // The CRD's type says what a status holds.
      const status = fieldsOf(server.get(EXCEPTIONS, "e")?.["status"]) as ExceptionStatus;
      return (status.conditions ?? []).map(
        ({ type, status: value, reason, observedGeneration }) => `${type}=${value} ${reason} ${observedGeneration}`,
      );
    };
    const told = async (): Promise<readonly string[]> => {
      writer.refresh();
      await settled();
      return conditions();
    };
    beforeEach(() => {
      now = () => NOW;
      writer.begin();
    });

    it("says that one is in force, and whether anything needs it", async () => {
      await putException();
      assert.deepEqual(await told(), ["Active=True Active 1"]);
      silenced = 0;
      assert.deepEqual(await told(), ["Active=True Unused 1"]);
      silenced = undefined;
      assert.deepEqual(await told(), ["Active=True Unused 1"], "nobody has found otherwise");
      silenced = 2;
      assert.deepEqual(await told(), ["Active=True Active 1"]);
      assert.equal(patches(), 3);
    });
    it("says of which policy there is none, until there is", async () => {
      const message = (): string | undefined =>
        // As above.
        (fieldsOf(server.get(EXCEPTIONS, "e")?.["status"]) as ExceptionStatus).conditions?.[0]?.message;
      await putException({ policies: ["late"] });
      await told();
      assert.equal(message(), "is in force; there is no policy late");
      server.put(POLICIES, { metadata: { name: "late", generation: 1 }, spec: { digest: {} } });
      await until("told", () => message() === "is in force");
    });
    it("forgets that an older version was not needed", async () => {
      await putException();
      silenced = 0;
      assert.deepEqual(await told(), ["Active=True Unused 1"]);
      silenced = undefined;
      await putException({ rules: ["scan"] }, 2);
      assert.deepEqual(await told(), ["Active=True Active 2"]);
    });
    it("tells once that it is about to end, then that it has", async () => {
      await putException();
      now = () => NOW + 23 * DAY - 1;
      assert.deepEqual(await told(), ["Active=True Active 1"]);
      now = () => NOW + 23 * DAY;
      assert.deepEqual(await told(), ["Active=True Active 1", "Expiring=True Expiring 1"]);
      now = () => NOW + 24 * DAY;
      await told();
      assert.deepEqual(expiring, ["e: expires at 2026-07-01T12:00:00Z; what it silences counts again from then on"]);
      now = () => NOW + 30 * DAY;
      assert.deepEqual(await told(), ["Active=False Expired 1"]);
      assert.equal(expiring.length, 1);
    });
    it("says why one is not in force", async () => {
      await putException({ expires: at(NOW + 91 * DAY) });
      assert.deepEqual(await told(), ["Active=False TooLong 1"]);
      await putException({ rules: ["revocation"] }, 2);
      assert.deepEqual(await told(), ["Active=False NotPermitted 2"]);
      await putException({ match: { images: ["nginx"] } }, 3);
      assert.deepEqual(await told(), ["Active=False InvalidSpec 3"]);
      assert.deepEqual(expiring, []);
    });
  });
});

const KEYS = [
  `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`,
  `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`,
] as const;
