import assert from "node:assert/strict";
import { MANAGED_BY } from "../../../operator/cluster/managedBy.ts";
import { createKeeper, type Keeper } from "../../../operator/admissionPolicies/keeper.ts";
import { pairOf, POLICY_KIND, type AdmissionPolicyPair } from "../../../operator/admissionPolicies/generate.ts";
import { enforcedByApiServer } from "../../../operator/admissionPolicies/layer.ts";
import { liveObject, type LiveObject, type LiveObjects } from "../../../operator/admissionPolicies/live.ts";
import { createWanted, type Wanted } from "../../../operator/admissionPolicies/wanted.ts";
import type { KubeResponse } from "../../../kube/kubeClient.ts";
import type { PolicySpec } from "../../../crds/types.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import { compileException } from "../../../policy/exceptions/compileException.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import { metadataOf } from "../../../kube/object.ts";
import { SILENT } from "../../../kube/log.ts";

const pair = (expression = "true"): AdmissionPolicyPair =>
  pairOf(
    { matchConditions: [], variables: [], validation: { expression, messageExpression: "''", message: "no" } },
    {
      name: "image-security.p",
      labels: MANAGED_BY,
      excludeNamespaces: ["kube-system"],
      owner: { kind: "ImageSecurityPolicy", name: "p", uid: "1" },
    },
  );

describe("the keeper of generated objects", () => {
  const objects = new Map<string, LiveObject>();
  let wanted: Map<string, Wanted>;
  let requests: string[];
  let answer: (method: string, path: string, body: unknown) => Partial<KubeResponse>;
  let asked: number;
  let leading: boolean;
  let synced: boolean;
  let changes: number;
  let warned: string[];
  let keeper: Keeper;

  const live: LiveObjects = {
    get: (kind, name) => objects.get(`${kind} ${name}`),
    ours: (kind) =>
      [...objects].flatMap(([key, { ours }]) =>
        ours && key.startsWith(`${kind} `) ? [key.slice(kind.length + 1)] : [],
      ),
    learn: (_kind, object) => {
      if (metadataOf(object).name !== "") stand(object as object);
    },
    forget: (kind, name) => objects.delete(`${kind} ${name}`),
    problem: () => (synced ? undefined : "GET /apis: 403 forbidden"),
    synced: () => synced,
    onPing: () => () => undefined,
    start: () => undefined,
    stop: () => Promise.resolve(),
  };
  const stand = (object: object): void => {
    const { kind, metadata } = object as AdmissionPolicyPair["policy"];
    objects.set(`${kind} ${metadata.name}`, liveObject({ ...object, metadata: { ...metadata, resourceVersion: "7" } }));
  };
  const work = async (): Promise<readonly string[]> => {
    requests = [];
    keeper.refresh();
    await keeper.settled();
    return requests;
  };

  beforeEach(() => {
    objects.clear();
    wanted = new Map([["p", { status: "pair", pair: pair(), left: ["scans"] }]]);
    answer = (method) => ({ status: method === "POST" ? 201 : 200 });
    leading = true;
    synced = true;
    changes = asked = 0;
    warned = [];
    keeper = createKeeper({
      client: {
        request: (method, path, options) => {
          requests.push(`${method} ${path.slice(path.lastIndexOf("/v1/") + 4)}`);
          return Promise.resolve({ status: 200, body: {}, size: 0, ...answer(method, path, options?.body) });
        },
        open: () => Promise.reject(new Error("not used")),
        close: () => Promise.resolve(),
      },
      live,
      wanted: () => {
        asked += 1;
        return wanted;
      },
      leadership: { mayWrite: () => leading },
      onChange: () => (changes += 1),
      log: { ...SILENT, warn: (message) => warned.push(message) },
    });
  });
  afterEach(() => keeper.close());

  it("makes policy and binding, and leaves what is as it should be", async () => {
    assert.deepEqual(await work(), ["POST validatingadmissionpolicies", "POST validatingadmissionpolicybindings"]);
    assert.deepEqual(keeper.kept("p"), { status: "kept", name: "image-security.p", left: ["scans"] });
    for (const object of Object.values(pair())) stand(object);
    assert.deepEqual(await work(), []);
    assert.equal(changes, 1);
  });

  it("writes nothing while it does not lead, and nothing it was not told of", async () => {
    leading = false;
    assert.deepEqual(await work(), []);
    assert.equal(keeper.kept("p"), undefined);
    assert.equal(asked, 0, "nor is worked out what it would be");
  });

  it("knows at once what it wrote, whenever the watch tells of it", async () => {
    answer = (method, _path, body) => (method === "POST" ? { status: 201, body } : { status: 200 });
    assert.equal((await work()).length, 2);
    assert.deepEqual(await work(), []);
    wanted = new Map();
    assert.equal((await work()).length, 2);
    assert.deepEqual(await work(), []);
  });

  it("puts right what is another, and keeps annotations of others", async () => {
    for (const object of Object.values(pair("false"))) stand(object);
    assert.deepEqual(await work(), ["PUT validatingadmissionpolicies/image-security.p"]);
  });

  it("warns of a change by somebody else, and neither of its policy's nor of what another version left", async () => {
    answer = (_method, _path, body) => ({ status: 200, body });
    for (const object of Object.values(pair("false"))) stand(object);
    assert.equal((await work()).length, 1, "an older version wrote it in other words");
    wanted.set("p", { status: "pair", pair: pair("1 == 1"), left: [] });
    assert.equal((await work()).length, 1, "the policy is another");
    assert.deepEqual(warned, []);
    stand(pair("false").policy);
    assert.equal((await work()).length, 1);
    assert.deepEqual(warned, ["a generated object was changed by someone else, and is put right"]);
    keeper.reset();
    stand(pair("2 == 2").policy);
    assert.equal((await work()).length, 1, "whoever led meanwhile wrote it");
    assert.equal(warned.length, 1);
  });

  it("removes what no policy wants, the binding first", async () => {
    for (const object of Object.values(pair())) stand(object);
    wanted = new Map();
    assert.deepEqual(await work(), [
      "DELETE validatingadmissionpolicybindings/image-security.p",
      "DELETE validatingadmissionpolicies/image-security.p",
    ]);
  });

  it("never touches what is somebody else's, by name or by label", async () => {
    const { policy } = pair();
    stand({ ...policy, metadata: { name: "image-security.p" } });
    stand({ ...policy, metadata: { name: "others", labels: MANAGED_BY } });
    assert.deepEqual(await work(), []);
    const kept = keeper.kept("p");
    assert.equal(kept?.status === "none" && kept.reason, "NameTaken");
  });

  it("does not ask again what the API server refused, and takes away what would be left of before", async () => {
    stand(pair("false").policy);
    stand(pair("false").binding);
    answer = (method) => (method === "PUT" ? { status: 422, body: { message: "ERROR: no" } } : { status: 200 });
    assert.deepEqual(await work(), [
      "PUT validatingadmissionpolicies/image-security.p",
      "DELETE validatingadmissionpolicybindings/image-security.p",
    ]);
    assert.deepEqual(keeper.kept("p"), {
      status: "none",
      reason: "NotCompiled",
      message: "the API server refuses it: ERROR: no",
    });
    objects.delete("ValidatingAdmissionPolicyBinding image-security.p");
    assert.deepEqual(await work(), []);
    wanted.set("p", { status: "pair", pair: pair("1 == 1"), left: [] });
    assert.deepEqual(await work(), ["PUT validatingadmissionpolicies/image-security.p"]);
  });

  it("says which rights are missing, to write and to read", async () => {
    answer = () => ({ status: 403, body: { message: "no" } });
    await work();
    const reason = (): string | undefined => {
      const kept = keeper.kept("p");
      return kept?.status === "none" ? `${kept.reason}: ${kept.message}` : undefined;
    };
    assert.equal(reason(), "Forbidden: no; the rights are in config/components/admission-policies");
    synced = false;
    assert.deepEqual(await work(), []);
    assert.match(reason() ?? "", /^Forbidden: GET \/apis: 403 forbidden; /);
  });
});

describe("what is to stand", () => {
  const policy = (name: string, generation: number, spec: PolicySpec): CompiledPolicy =>
    compilePolicy(
      { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityPolicy", metadata: { name, generation }, spec },
      () => ({
        status: "missing",
        message: "is not there",
      }),
    );
  const exception = compileException(
    {
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityException",
      metadata: { name: "e", creationTimestamp: "2026-01-01T00:00:00Z" },
      spec: {
        policies: ["*"],
        rules: ["All"],
        match: { namespaces: ["x"] },
        reason: "r",
        expires: "2026-01-02T00:00:00Z",
      },
    },
    { maxDuration: 90 * 86_400_000, now: 0 },
  );

  it("is worked out anew where the policy, a pin or an exception is another, and where one has expired", () => {
    let policies = [policy("a", 1, { digest: {} }), policy("b", 1, { digest: {} })];
    let exceptions: readonly CompiledException[] = [];
    let now = Date.parse("2026-01-01T12:00:00Z");
    const wanted = createWanted(() => ({ policies, audited: [], exceptions, key: "" }), {
      excludeNamespaces: ["kube-system"],
      now: () => now,
    });
    const look = (): readonly (Wanted | undefined)[] => ["a", "b"].map((name) => wanted()?.get(name));
    const same = (before: readonly unknown[], after: readonly unknown[]): readonly boolean[] =>
      before.map((one, index) => one === after[index]);
    const first = look();
    assert.deepEqual(same(first, look()), [true, true]);
    policies = [policy("a", 2, { digest: { allowTag: false } }), ...policies.slice(1)];
    const second = look();
    assert.deepEqual(same(first, second), [false, true]);
    policies = [...policies, policy("c", 1, { digest: { pin: "Pods" } })];
    const third = look();
    assert.deepEqual(same(second, third), [false, false]);
    exceptions = [exception];
    const fourth = look();
    assert.deepEqual(same(third, fourth), [false, false]);
    now = Date.parse("2026-01-02T00:00:00Z");
    assert.deepEqual(look(), third);
  });

  it("is looked at in steps that grow with policies and exceptions, not with both", () => {
    let reads = 0;
    const counted = <T extends { readonly key: string }>(one: T): T => ({
      ...one,
      get key() {
        reads += 1;
        return one.key;
      },
    });
    const many = Array.from({ length: 50 }, (_, nth) => nth);
    const policies = many.map((nth) => counted(policy(`p${nth}`, 1, { digest: { pin: "Pods" } })));
    const exceptions = many.map((nth) => counted({ ...exception, name: `e${nth}` }));
    const wanted = createWanted(() => ({ policies, audited: [], exceptions, key: "" }), {
      excludeNamespaces: ["kube-system"],
      now: () => Date.parse("2026-01-01T12:00:00Z"),
    });
    wanted();
    reads = 0;
    wanted();
    assert.equal(reads, 150, "each once, and a policy that pins once more");
  });
});

describe("the condition EnforcedByAPIServer", () => {
  const before = [
    {
      type: "EnforcedByAPIServer",
      status: "True",
      reason: "Kept",
      message: "m",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
  ] as const;
  it("is there where somebody keeps the policy there, stays while nobody knows, and goes with the setting", () => {
    assert.deepEqual(enforcedByApiServer("off", before), []);
    assert.deepEqual(enforcedByApiServer("unknown", before), before);
    assert.deepEqual(enforcedByApiServer({ status: "none", reason: "Forbidden", message: "m" }, before), [
      { type: "EnforcedByAPIServer", status: "False", reason: "Forbidden", message: "m" },
    ]);
    assert.deepEqual(enforcedByApiServer({ status: "kept", name: "n", left: ["a", "b"] }, []), [
      {
        type: "EnforcedByAPIServer",
        status: "True",
        reason: "Kept",
        message: "ValidatingAdmissionPolicy n holds without the webhook; left to the webhook: a; b",
      },
    ]);
  });
});

describe("an object of the API server", () => {
  it("is ours by its label, or by its owner", () => {
    const { policy } = pair();
    const { ownerReferences = [] } = policy.metadata;
    assert.equal(policy.kind, POLICY_KIND);
    assert.equal(liveObject(policy).ours, true);
    assert.equal(liveObject({ ...policy, metadata: { name: "x", ownerReferences } }).ours, true);
    assert.equal(liveObject({ ...policy, metadata: { name: "x", labels: { a: "b" } } }).ours, false);
  });
});
