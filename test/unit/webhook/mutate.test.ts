import assert from "node:assert/strict";
import fastJsonPatch from "fast-json-patch";
import type { PolicySpec } from "../../../crds/types.ts";
import { MOST_IMAGES } from "../../../engine/review.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import { exemptionsOf } from "../../../policy/exceptions/exempt.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import { createMutate } from "../../../webhook/review/mutate.ts";
import { NotReadyError } from "../../../webhook/review/notReady.ts";
import { at, exception } from "../policy/excepting.ts";
import { NOW as TIME } from "../policy/judging.ts";
import { policy } from "./support/policies.ts";
import { recordLogger } from "./support/recorders.ts";
import { pod, request, workload, WORKLOADS } from "./support/requests.ts";

type Json = Readonly<Record<string, unknown>>;

const NOW = `sha256:${"1".repeat(64)}`;
const OLD = `sha256:${"0".repeat(64)}`;
const LONG = `sha512:${"5".repeat(128)}`;

const digest = (changes: PolicySpec["digest"] = {}): PolicySpec => ({
  digest: { required: true, pin: "Pods", ...changes },
});
const pods = policy("pods", digest());
const all = policy("all", digest({ pin: "All" }));

interface Mutated {
  /** The object after the patch. */
  readonly object: Json;
  readonly asked: readonly string[];
  readonly annotations: Json | undefined;
}

const mutate = async (
  policies: readonly CompiledPolicy[],
  admission: AdmissionRequest,
  digests: Readonly<Record<string, string>> = {},
  exceptions: readonly CompiledException[] = [],
  placeholders: readonly string[] = [],
): Promise<Mutated> => {
  const asked: string[] = [];
  const handle = createMutate({
    policies: () => policies,
    exemptions: (subject) => exemptionsOf(exceptions, subject, TIME),
    namespaceLabels: () => ({}),
    placeholders,
    resolveDigest: (_, { image }) => {
      asked.push(image);
      return Promise.resolve({ status: "verified", value: digests[image] ?? NOW });
    },
    logger: recordLogger(),
  });
  const response = await handle(admission, new AbortController().signal);
  assert.equal(response.allowed, true);
  assert.equal(response.patch === undefined, response.patchType === undefined);
  const patch = response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, "base64").toString("utf8"));
  const object = fastJsonPatch.applyPatch(structuredClone(admission.object), patch, true).newDocument ?? {};
  return { object, asked, annotations: response.auditAnnotations };
};

/** Images of a pod's or template's containers. */
const images = (object: Json): readonly string[] => {
  // What the tests built themselves.
  const spec = object["spec"] as PodLike;
  const inner = spec.jobTemplate?.spec.template.spec ?? spec.template?.spec ?? spec;
  return [...(inner.initContainers ?? []), ...(inner.containers ?? []), ...(inner.ephemeralContainers ?? [])]
    .map(({ image }) => image)
    .concat((inner.volumes ?? []).map(({ image }) => image.reference));
};

interface PodLike {
  readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: PodLike } } };
  readonly template?: { readonly spec: PodLike };
  readonly initContainers?: readonly { readonly image: string }[];
  readonly containers?: readonly { readonly image: string }[];
  readonly ephemeralContainers?: readonly { readonly image: string }[];
  readonly volumes?: readonly { readonly image: { readonly reference: string } }[];
}

describe("createMutate", () => {
  const spelled: readonly (readonly [before: string, after: string, why: string])[] = [
    ["registry.company.com/web:v1", `registry.company.com/web:v1@${NOW}`, "keeps the tag"],
    ["nginx:1.21", `nginx:1.21@${NOW}`, "keeps the spelling of the name"],
    ["nginx", `nginx:latest@${NOW}`, "writes out the tag that policies match"],
    ["localhost:5000/web", `localhost:5000/web:latest@${NOW}`, "does not take a port for a tag"],
    ["docker.io/library/nginx:1", `docker.io/library/nginx:1@${NOW}`, "leaves a full name as it is"],
    [`nginx@${OLD}`, `nginx@${OLD}`, "leaves a digest as it is"],
    [`nginx:1@${OLD}`, `nginx:1@${OLD}`, "leaves a tag with a digest as it is"],
    ["UPPER/case", "UPPER/case", "leaves what does not parse to validation"],
    ["nginx@sha256:abc", "nginx@sha256:abc", "leaves a broken digest to validation"],
    ["", "", "leaves an empty image to validation"],
  ];
  for (const [before, after, why] of spelled) {
    it(`${why}: ${JSON.stringify(before)}`, async () => {
      const { object } = await mutate([pods], request("Pod", pod([before])));
      assert.deepEqual(images(object), [after]);
    });
  }

  it("writes the digest alone where a matching policy allows no tag", async () => {
    const bare = policy("bare", { digest: { required: true, allowTag: false } });
    const { object } = await mutate([pods, bare], request("Pod", pod(["nginx", "quay.io/x:v1"])));
    assert.deepEqual(images(object), [`nginx@${NOW}`, `quay.io/x@${NOW}`]);
    const dryrun = policy("d", { digest: { allowTag: false }, enforcementAction: "dryrun" });
    assert.deepEqual(images((await mutate([pods, dryrun], request("Pod", pod(["a.b/c:1"])))).object), [
      `a.b/c:1@${NOW}`,
    ]);
  });

  describe("says who pinned", () => {
    const said = (object: Json): unknown => {
      const { annotations = {} } = object["metadata"] as { readonly annotations?: Json };
      return annotations["imagesecurity.dev/pinned-by"];
    };
    const other = policy("other", { ...digest(), match: { images: ["quay.io/**"] } });
    const never = policy("never", { digest: { required: true } });
    const dryrun = policy("dryrun", { ...digest(), enforcementAction: "dryrun" });

    it("on a Pod, with or without annotations", async () => {
      for (const annotations of [undefined, {}, { "a/b": "c" }]) {
        const written = pod(["nginx"], annotations === undefined ? {} : { annotations });
        const { object } = await mutate([pods, never, dryrun, other], request("Pod", written));
        assert.equal(said(object), "pods");
        assert.deepEqual((object["metadata"] as Json)["annotations"], {
          ...annotations,
          "imagesecurity.dev/pinned-by": "pods",
        });
      }
    });
    it("all who pin any image of it, in order", async () => {
      const { object } = await mutate([other, pods], request("Pod", pod(["nginx", "quay.io/x"])));
      assert.equal(said(object), "other,pods");
    });
    it("in place of what its author wrote, but for those who pin it: we may be called again", async () => {
      const annotations = { "imagesecurity.dev/pinned-by": "other,never,dryrun,somebody" };
      const all = [pods, other, never, dryrun];
      const { object } = await mutate(all, request("Pod", pod(["nginx"], { annotations })));
      assert.equal(said(object), "other,pods");
    });
    for (const [what, text, matched] of [
      ["nothing", undefined, 1],
      ["what no policy is called", "a,b,c", 1],
      ["a policy", "many-7", 2],
      ["more than policies are called", `many-7,${"x,".repeat(8 * 1_024)}`, 1],
    ] as const) {
      it(`and looks no further at policies than it must where its author wrote ${what}`, async () => {
        const looks = new Map<string, number>();
        const many = Array.from({ length: 50 }, (_, nth) => {
          const one = policy(`many-${nth}`, digest());
          const matchesSubject: typeof one.matchesSubject = (subject) => {
            looks.set(one.name, (looks.get(one.name) ?? 0) + 1);
            return one.matchesSubject(subject);
          };
          return { ...one, matchesSubject };
        });
        const annotations = text === undefined ? {} : { "imagesecurity.dev/pinned-by": text };
        const { object } = await mutate(many, request("Pod", pod(["nginx"], { annotations })));
        assert.equal(said(object), [...looks.keys()].toSorted().join(","));
        assert.equal(looks.get("many-7"), matched);
        assert.equal(
          [...looks.values()].reduce((sum, count) => sum + count),
          many.length + matched - 1,
        );
      });
    }
    it("and is silent where nothing is pinned, on templates and in subresources", async () => {
      const digested = await mutate([pods], request("Pod", pod([`nginx@${OLD}`])));
      assert.equal(said(digested.object), undefined);
      for (const kind of WORKLOADS) {
        const { object } = await mutate([all], request(kind, workload(kind, pod(["nginx"]))));
        assert.equal(JSON.stringify(object).includes("pinned-by"), false, kind);
      }
      const before = pod(["a.b/c@" + OLD]);
      const after = pod(["a.b/c@" + OLD], { ephemeralContainers: ["nginx"] });
      const update = { operation: "UPDATE", subResource: "ephemeralcontainers", oldObject: before };
      const { object } = await mutate([pods], request("Pod", after, update));
      assert.deepEqual(images(object).at(-1), `nginx:latest@${NOW}`);
      assert.equal(said(object), undefined);
    });
  });

  it("renews what it would keep where the annotation that asks for it is another one", async () => {
    const update = async (before: Json = {}, after: Json = {}): Promise<readonly string[]> => {
      const oldObject = workload("Deployment", pod([`nginx:1@${OLD}`], { annotations: before }));
      const object = workload("Deployment", pod(["nginx:1"], { annotations: after }));
      return images((await mutate([all], request("Deployment", object, { operation: "UPDATE", oldObject }))).object);
    };
    const renew = (value: string): Json => ({ "imagesecurity.dev/renew-digests": value });
    assert.deepEqual(await update(), [`nginx:1@${OLD}`]);
    assert.deepEqual(await update(renew("1"), renew("1")), [`nginx:1@${OLD}`]);
    assert.deepEqual(await update(undefined, { other: "1" }), [`nginx:1@${OLD}`]);
    assert.deepEqual(await update(undefined, renew("1")), [`nginx:1@${NOW}`]);
    assert.deepEqual(await update(renew("1"), renew("2")), [`nginx:1@${NOW}`]);
  });

  describe("under exceptions", () => {
    const trusted = policy("trusted", { registries: { allow: ["registry.company.com"] } });
    const excepted = exception({ policies: ["trusted"], rules: ["registries"] });
    it("pins what one of them lets in", async () => {
      const { object } = await mutate([pods, trusted], request("Pod", pod(["quay.io/x:v1"])), {}, [excepted]);
      assert.deepEqual(images(object), [`quay.io/x:v1@${NOW}`]);
    });
    it("pins what one of them lets in by the rule of the policy itself that pins", async () => {
      for (const enforcementAction of ["deny", "warn"] as const) {
        const both = policy("trusted", {
          ...digest(),
          registries: { allow: ["registry.company.com"] },
          enforcementAction,
        });
        const lets = await mutate([both], request("Pod", pod(["quay.io/x:v1"])), {}, [excepted]);
        assert.deepEqual(images(lets.object), [`quay.io/x:v1@${NOW}`]);
        const refuses = await mutate([both], request("Pod", pod(["quay.io/x:v1"])));
        assert.deepEqual([images(refuses.object), refuses.asked], [["quay.io/x:v1"], []]);
      }
    });
    it("asks nobody about what is refused all the same", async () => {
      const other = policy("other", { registries: { deny: ["quay.io"] } });
      for (const [some, silencing] of [
        [[pods, trusted, other], [excepted]],
        [[pods, trusted], [exception({ expires: at(TIME) })]],
        [[pods, trusted], [exception({ match: { images: ["docker.io/**"] } })]],
      ] as const) {
        const { object, asked } = await mutate(some, request("Pod", pod(["quay.io/x:v1"])), {}, silencing);
        assert.deepEqual(images(object), ["quay.io/x:v1"]);
        assert.deepEqual(asked, []);
      }
    });
  });

  it("takes sha512", async () => {
    const { object } = await mutate([pods], request("Pod", pod(["nginx:1"])), { "nginx:1": LONG });
    assert.deepEqual(images(object), [`nginx:1@${LONG}`]);
  });

  it("pins containers of all kinds and image volumes, each where it stands", async () => {
    const before = pod(["a.b/c:1", `a.b/d@${OLD}`, "a.b/e:1"], { initContainers: ["a.b/i:1"], volumes: ["a.b/v:1"] });
    const { object, annotations } = await mutate([pods], request("Pod", before));
    assert.deepEqual(images(object), [
      `a.b/i:1@${NOW}`,
      `a.b/c:1@${NOW}`,
      `a.b/d@${OLD}`,
      `a.b/e:1@${NOW}`,
      `a.b/v:1@${NOW}`,
    ]);
    assert.equal(String(annotations?.["pinned"]).split(",").length, 4);
  });

  it("asks once for one name, so that two containers cannot differ", async () => {
    const { asked } = await mutate(
      [pods],
      request("Pod", pod(["nginx", "docker.io/library/nginx:latest", "nginx:latest"])),
    );
    assert.equal(asked.length, 1);
  });

  it("asks for as many names as validation looks at, and leaves the others for it to refuse", async () => {
    const many = Array.from({ length: MOST_IMAGES + 20 }, (_, nth) => `a.b/c${nth}:1`);
    const { asked, object } = await mutate([pods], request("Pod", pod([...many, "a.b/c0:1"])));
    assert.equal(asked.length, MOST_IMAGES);
    const pinned = images(object).filter((image) => image.endsWith(NOW));
    assert.equal(pinned.length, MOST_IMAGES + 1, "a name that was asked for is pinned wherever it stands");
  });

  it("is idempotent", async () => {
    const first = await mutate([pods], request("Pod", pod(["nginx:1"], { volumes: ["a.b/v"] })));
    const second = await mutate([pods], request("Pod", first.object));
    assert.deepEqual(second.object, first.object);
    assert.deepEqual(second.asked, []);
  });

  it("asks nobody for the digest of what an injector replaces, but in Pods", async () => {
    const placeholders = ["auto"];
    for (const kind of WORKLOADS) {
      const object = workload(kind, pod(["auto", "nginx:1"]));
      const mutated = await mutate([all], request(kind, object), {}, [], placeholders);
      assert.deepEqual(images(mutated.object), ["auto", `nginx:1@${NOW}`], kind);
      assert.deepEqual(mutated.asked, ["nginx:1"], kind);
    }
    const mutated = await mutate([all], request("Pod", pod(["auto"])), {}, [], placeholders);
    assert.deepEqual(mutated.asked, ["auto"]);
  });

  it("with pin: Pods leaves templates, with pin: All it does not", async () => {
    for (const kind of WORKLOADS) {
      const object = workload(kind, pod(["nginx:1"]));
      assert.deepEqual(images((await mutate([pods], request(kind, object))).object), ["nginx:1"], kind);
      assert.deepEqual(images((await mutate([all], request(kind, object))).object), [`nginx:1@${NOW}`], kind);
    }
    assert.deepEqual(images((await mutate([all], request("Pod", pod(["nginx:1"])))).object), [`nginx:1@${NOW}`]);
  });

  // kubernetes #57167, gatekeeper #2963: a Deployment's controller goes on making ReplicaSets until one equals its template.
  it("leaves a ReplicaSet as its Deployment made it, which may be older than the policy", async () => {
    const made = (owner: Json): Json => ({
      ...workload("ReplicaSet", pod(["nginx:1"])),
      metadata: { name: "web-6d4cf", namespace: "default", ownerReferences: [{ kind: "Deployment", ...owner }] },
    });
    const object = made({ controller: true });
    assert.deepEqual(images((await mutate([all], request("ReplicaSet", object))).object), ["nginx:1"]);
    const held = made({ controller: false });
    assert.deepEqual(images((await mutate([all], request("ReplicaSet", held))).object), [`nginx:1@${NOW}`]);
  });

  const left: readonly (readonly [why: string, policies: readonly CompiledPolicy[]])[] = [
    ["no policy pins", [policy("p", { digest: { required: true } })]],
    ["there is no policy", []],
    ["the policy is a dryrun", [policy("p", { ...digest(), enforcementAction: "dryrun" })]],
    [
      "the policy is a dryrun here",
      [policy("p", { ...digest(), enforcementOverrides: [{ namespaces: ["default"], action: "dryrun" }] })],
    ],
    ["the policy is about other images", [policy("p", { ...digest(), match: { images: ["quay.io/**"] } })]],
    ["the policy is about other namespaces", [policy("p", { ...digest(), match: { namespaces: ["prod"] } })]],
    ["the policy is not Ready", [policy("p", { ...digest(), match: { images: ["nginx:[", "docker.io/**"] } })]],
    [
      "another policy refuses the registry, which is then not contacted",
      [pods, policy("r", { registries: { deny: ["docker.io"] } })],
    ],
  ];
  for (const [why, policies] of left) {
    it(`changes nothing where ${why}`, async () => {
      const { object, asked } = await mutate(policies, request("Pod", pod(["nginx:1"])));
      assert.deepEqual(images(object), ["nginx:1"]);
      assert.deepEqual(asked, []);
    });
  }

  it("pins under warn, and where another policy only warns about the registry", async () => {
    const warn = policy("w", { ...digest(), enforcementAction: "warn" });
    const other = policy("o", { registries: { allow: [] }, enforcementAction: "warn" });
    assert.deepEqual(images((await mutate([warn, other], request("Pod", pod(["nginx:1"])))).object), [
      `nginx:1@${NOW}`,
    ]);
  });

  it("does not ask the registry that the policy's own rule refuses, though it only warns", async () => {
    const warn = policy("w", { ...digest(), registries: { allow: [] }, enforcementAction: "warn" });
    const { object, asked } = await mutate([warn], request("Pod", pod(["nginx:1"])));
    assert.deepEqual([images(object), asked], [["nginx:1"], []]);
    const both = await mutate([warn, pods], request("Pod", pod(["nginx:1"])));
    assert.deepEqual(images(both.object), [`nginx:1@${NOW}`], "another one pins it");
  });

  it("leaves mirror pods, deletions and what carries no images", async () => {
    const mirror = pod(["nginx:1"], { annotations: { "kubernetes.io/config.mirror": "x" }, nodeName: "n1" });
    const userInfo = { username: "system:node:n1", groups: ["system:nodes"] };
    assert.deepEqual((await mutate([pods], request("Pod", mirror, { userInfo }))).object, mirror);
    assert.deepEqual((await mutate([pods], { ...request("Pod", pod(["nginx"])), operation: "DELETE" })).asked, []);
    assert.deepEqual((await mutate([pods], request("Service", { spec: {} }))).asked, []);
    // Whoever only says so is no kubelet.
    assert.deepEqual(images((await mutate([pods], request("Pod", mirror))).object), [`nginx:1@${NOW}`]);
  });

  it("has no answer before there is a policy set", () => {
    const handle = createMutate({
      policies: () => undefined,
      namespaceLabels: () => ({}),
      resolveDigest: () => assert.fail(),
      logger: recordLogger(),
    });
    assert.throws(() => handle(request("Pod", pod(["nginx"])), new AbortController().signal), NotReadyError);
  });

  describe("on UPDATE", () => {
    const update = async (before: Json, after: Json, policies = [pods], kind = "Pod"): Promise<Mutated> =>
      await mutate(policies, request(kind, after, { oldObject: before }));

    it("does not touch an old pod because its label changes", async () => {
      const { object, asked } = await update(pod(["nginx:1"]), pod(["nginx:1"], { labels: { a: "b" } }));
      assert.deepEqual(images(object), ["nginx:1"]);
      assert.deepEqual(asked, []);
    });

    it("pins only the container that changes", async () => {
      const { object } = await update(pod(["nginx:1", "a.b/c:1"]), pod(["nginx:1", "a.b/c:2"]));
      assert.deepEqual(images(object), ["nginx:1", `a.b/c:2@${NOW}`]);
    });

    it("keeps the digest when a manifest with the tag is applied again", async () => {
      const { object, asked } = await update(pod([`nginx:1@${OLD}`]), pod(["nginx:1"]));
      assert.deepEqual(images(object), [`nginx:1@${OLD}`]);
      assert.deepEqual(asked, []);
    });

    it("keeps it in other spellings, and with latest written or not", async () => {
      const spelledAnew = await update(pod([`nginx:1@${OLD}`]), pod(["docker.io/library/nginx:1"]));
      assert.deepEqual(images(spelledAnew.object), [`docker.io/library/nginx:1@${OLD}`]);
      assert.deepEqual(images((await update(pod([`nginx:latest@${OLD}`]), pod(["nginx"]))).object), [
        `nginx:latest@${OLD}`,
      ]);
    });

    it("does not take a volume's digest for that of a container of its name", async () => {
      const named = (image: string, reference: string): Json => ({
        ...pod([]),
        spec: { containers: [{ name: "data", image }], volumes: [{ name: "data", image: { reference } }] },
      });
      const [before, after] = [named(`a.b/x:1@${OLD}`, "a.b/y:1"), named("a.b/y:1", `a.b/z@${OLD}`)];
      const container = await mutate(
        [all],
        request("Deployment", workload("Deployment", after), { oldObject: workload("Deployment", before) }),
      );
      assert.deepEqual(container.asked, ["a.b/y:1"]);
      const swapped = await mutate(
        [all],
        request("Deployment", workload("Deployment", named("a.b/q:1", "a.b/x:1")), {
          oldObject: workload("Deployment", before),
        }),
      );
      assert.deepEqual(images(swapped.object), [`a.b/q:1@${NOW}`, `a.b/x:1@${NOW}`]);
    });

    it("asks for another tag, another name, and where the old tag is not known", async () => {
      for (const [before, after] of [
        [`nginx:1@${OLD}`, "nginx:2"],
        [`nginx:1@${OLD}`, "httpd:1"],
        [`nginx@${OLD}`, "nginx"],
        ["nginx:1", "nginx:2"],
      ] as const) {
        const { asked } = await update(pod([before]), pod([after]));
        assert.deepEqual(asked, [after], before);
      }
    });

    it("does not take the digest of a container with another name", async () => {
      const { asked } = await update(pod([`nginx:1@${OLD}`]), pod(["a.b/c:1", "nginx:1"]));
      assert.deepEqual(asked, ["a.b/c:1", "nginx:1"]);
    });

    it("pins the ephemeral container that kubectl debug adds", async () => {
      const admission = request("Pod", pod(["nginx:1"], { ephemeralContainers: ["busybox"] }), {
        oldObject: pod(["nginx:1"]),
        subResource: "ephemeralcontainers",
      });
      assert.deepEqual(images((await mutate([pods], admission)).object), ["nginx:1", `busybox:latest@${NOW}`]);
    });

    it("never touches the volumes of a pod, but a template's", async () => {
      const before = pod(["nginx:1"], { volumes: ["a.b/v:1"] });
      const after = pod(["nginx:1"], { volumes: ["a.b/v:2"] });
      assert.deepEqual((await update(before, after)).asked, []);
      const templates = await update(
        workload("Deployment", before),
        workload("Deployment", after),
        [all],
        "Deployment",
      );
      assert.deepEqual(images(templates.object), ["nginx:1", `a.b/v:2@${NOW}`]);
    });

    it("leaves a Deployment that is scaled", async () => {
      const before = workload("Deployment", pod(["nginx:1"]));
      const scaled = { ...before, metadata: { name: "web", annotations: { revision: "2" } } };
      assert.deepEqual((await update(before, scaled, [all], "Deployment")).asked, []);
    });
  });
});
