import assert from "node:assert/strict";
import { Asker } from "../../async/shares/asker.ts";
import { onBehalfOf, Party } from "../../async/shares/party.ts";
import { createScanReader } from "../../evidence/scan/scanReader.ts";
import type { PolicySpec } from "../../crds/types.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { late, stall } from "../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { type SandboxRegistry, startRegistry } from "../../sandbox/registry/server.ts";
import { cluster, engine, pod, policy, type Engine } from "../unit/evidence/registry/support/judging.ts";
import { keyHand, publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";

const LATENCY = 20;
const signedOnly: PolicySpec = {
  onUnavailable: "allow",
  authorities: [byKey(publicPem(keyHand()), { name: "ci" })],
  signatures: { authorities: ["ci"] },
};

interface Scene extends AsyncDisposable {
  readonly place: SandboxRegistry;
  readonly own: Engine;
  /** An image that is there, and unsigned. */
  readonly image: (name: string) => ReturnType<typeof makeImage>;
  /** A pod of 256 images that are nowhere. */
  readonly flood: (namespace: string, serviceAccount?: string) => Subject;
  readonly podOf: (image: ReturnType<typeof makeImage>, namespace?: string) => Subject;
}

async function scene(options: Parameters<typeof engine>[1] = {}, latency: number = LATENCY): Promise<Scene> {
  const place = await startRegistry({ misbehave: [{ as: late(latency) }] });
  const own = engine(
    { readPullSecrets: options.cluster !== undefined },
    { providers: [evidenceUnderTest().provider], ...options },
  );
  let nth = 0;
  return {
    place,
    own,
    image: (name) => {
      const made = makeImage({ layers: [{ name }] });
      addToStore(place.store, "team/app", made);
      return made;
    },
    flood: (namespace, serviceAccount) => {
      const containers = Array.from({ length: 256 }, (_, at) => {
        nth += 1;
        return { name: `c${at}`, image: `${place.host}/team/app@sha256:${nth.toString(16).padStart(64, "0")}` };
      });
      const spec = { containers, ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount }) };
      return subjectOf({ metadata: {}, spec }, { kind: "Pod", namespace, namespaceLabels: {} });
    },
    podOf: ({ digest }, namespace = "tenant") => pod(`${place.host}/team/app@${digest}`, { namespace }),
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]();
      await place.close();
    },
  };
}

const turn = async (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 30));

describe("a namespace that floods a registry with images that are nowhere", () => {
  it("gains no onUnavailable: allow for its own unsigned image, which is judged in its turn", async () => {
    await using s = await scene();
    const rule = policy(signedOnly);
    const evil = s.image("evil");
    const end = new AbortController();
    const floods = Array.from({ length: 8 }, async () =>
      s.own.judge([rule], s.flood("tenant"), { signal: end.signal }),
    );
    await turn();
    assert.equal(await s.own.say([rule], s.podOf(evil)), "deny, deny signatures SignatureMissing");
    end.abort();
    await Promise.all(floods);
  });

  it("gains none either where its time is over before its turn came", async () => {
    await using s = await scene({}, 100);
    const rule = policy({ onUnavailable: "allow", digest: { required: false, verify: true } });
    const there = s.image("there");
    const signal = AbortSignal.timeout(700);
    const whole = await s.own.judge([rule], s.flood("tenant"), { signal });
    const { findings } = await s.own.judge([rule], s.podOf(there), { signal: AbortSignal.timeout(20) });
    assert.equal(whole.verdict, "deny");
    const late256 = whole.findings.filter(({ reason }) => reason === "EvidenceUnavailable");
    assert.ok(late256.length > 100, `${late256.length} of 256 were not looked at`);
    for (const { action, message } of late256) {
      assert.equal(action, "deny");
      assert.match(message, /too much is being asked on behalf of this namespace/);
    }
    // The registry's own slowness is time, and nobody's fault.
    assert.deepEqual(
      findings.map(({ action, reason }) => `${action} ${reason}`),
      ["allow EvidenceUnavailable"],
    );
  });

  it("neither refuses nor delays another namespace's pod, nor an audit", async () => {
    await using s = await scene();
    const rule = policy({ digest: { required: false, verify: true } });
    const [there, other] = [s.image("there"), s.image("other")];
    const end = new AbortController();
    const floods = Array.from({ length: 12 }, async (_, at) =>
      s.own.judge([rule], s.flood("tenant", `account-${at}`), { signal: end.signal }),
    );
    await turn();
    const started = performance.now();
    assert.equal(await s.own.say([rule], s.podOf(there, "other")), "allow");
    assert.equal(await s.own.say([rule], s.podOf(other, "tenant"), { mode: "audit" }), "allow");
    const took = performance.now() - started;
    assert.ok(took < 1_500, `${took} ms`);
    end.abort();
    await Promise.all(floods);
  });

  it("does not hold up another namespace's pod of the very same image", async () => {
    await using s = await scene();
    const rule = policy({ digest: { required: false, verify: true } });
    const there = s.image("there");
    const end = new AbortController();
    const big = s.flood("tenant");
    const images = [...big.images, ...s.podOf(there).images];
    // Its own pods ask for it at the very end of their line.
    const floods = [...Array.from({ length: 4 }, () => s.flood("tenant")), { ...big, images: images.slice(1) }].map(
      async (subject) => s.own.judge([rule], subject, { signal: end.signal }),
    );
    await turn();
    const started = performance.now();
    assert.equal(await s.own.say([rule], s.podOf(there, "other")), "allow");
    assert.ok(performance.now() - started < 1_000);
    end.abort();
    await Promise.all(floods);
  });

  it("makes no other namespace's tag of the same moment be refused for what it asked too much", async () => {
    await using s = await scene();
    const rule = policy({ onUnavailable: "allow", digest: { required: false, verify: true } });
    addToStore(s.place.store, "team/app", s.image("tagged"), "v1");
    // Requests of the same 50 ms share their deadline's signal.
    const signal = AbortSignal.timeout(3_000);
    const tagged = (namespace: string): Subject => pod(`${s.place.host}/team/app:v1`, { namespace });
    const many = { ...s.flood("tenant"), images: [...s.flood("tenant").images, ...tagged("tenant").images] };
    const floods = Array.from({ length: 8 }, async () => s.own.judge([rule], many, { signal }));
    assert.equal(await s.own.say([rule], tagged("other"), { signal }), "allow");
    await Promise.all(floods);
  });

  it("of a registry that is silent is an outage, which onUnavailable settles", async () => {
    await using s = await scene();
    s.place.misbehave({ as: stall() });
    const rule = policy({ onUnavailable: "allow", digest: { required: false, verify: true } });
    const { findings } = await s.own.judge([rule], s.flood("tenant"), { signal: AbortSignal.timeout(300) });
    assert.deepEqual([...new Set(findings.map(({ action }) => action))], ["allow"]);
  });
});

describe("a namespace that keeps an old answer alive by asking for too much", () => {
  it("is refused as if there were none", async () => {
    await using s = await scene({}, 50);
    const rule = policy({ onUnavailable: "allow", digest: { required: false, verify: true } });
    const there = s.image("there");
    assert.equal(await s.own.say([rule], s.podOf(there)), "allow");
    s.own.tick(3_600_000);
    // Enough of its own requests before this one, in the same pod, that its turn does not come.
    const flood = s.flood("tenant");
    const subject = { ...flood, images: [...flood.images.slice(0, 250), ...s.podOf(there).images] };
    const { findings } = await s.own.judge([rule], subject, { signal: AbortSignal.timeout(300) });
    const own = findings.find(({ image }) => image.includes(there.digest));
    assert.deepEqual([own?.action, own?.reason], ["deny", "EvidenceUnavailable"]);
  });
});

describe("a namespace that floods", () => {
  it("the reading of pull secrets waits for itself, and gains no outage by it", async () => {
    const slow = cluster({});
    const reading = {
      ...slow,
      readSecret: async (namespace: string, name: string, signal: AbortSignal) => {
        await new Promise((resolve) => void setTimeout(resolve, 20));
        return slow.readSecret(namespace, name, signal);
      },
    };
    await using s = await scene({ cluster: reading });
    const rule = policy({ onUnavailable: "allow", digest: { required: false, verify: true } });
    const there = s.image("there");
    s.place.misbehave({ when: { path: "/private/" }, as: status(401) });
    const end = new AbortController();
    const floods = Array.from({ length: 60 }, async (_, at) => {
      const names = Array.from({ length: 32 }, (__, nth) => `secret-${at}-${nth}`);
      const subject = pod(`${s.place.host}/private/app@${there.digest}`, { namespace: "tenant", pullSecrets: names });
      return s.own.judge([rule], subject, { signal: AbortSignal.any([end.signal, AbortSignal.timeout(600)]) });
    });
    await turn();
    const started = performance.now();
    assert.equal(await s.own.say([rule], s.podOf(there, "other")), "allow");
    assert.ok(performance.now() - started < 500);
    const decisions = await Promise.all(floods);
    for (const { findings } of decisions) for (const { action } of findings) assert.equal(action, "deny");
    const findings = decisions.flatMap((decision) => decision.findings);
    assert.ok(findings.some(({ message }) => message.includes("try again when fewer images of this namespace")));
  });

  it("the reading of reports waits for itself", async () => {
    const reader = createScanReader({ workers: 1 });
    const signal = new AbortController().signal;
    const report = (size: number): string =>
      JSON.stringify({ SchemaVersion: 2, Results: Array.from({ length: size }, () => ({ x: 1 })) });
    const as = <T>(tenant: string, work: () => T): T => onBehalfOf(new Party(new Asker(tenant, {})), work);
    const floods = Array.from({ length: 200 }, async () => as("tenant", () => reader.text(report(60_000), signal)));
    const read = await as("other", () => reader.text(report(20_000), signal));
    assert.notEqual(read.status, "unavailable");
    const done = await Promise.race([Promise.all(floods).then(() => "all"), Promise.resolve("some")]);
    assert.equal(done, "some", "it came before the flood's own");
    const turnedAway = (await Promise.all(floods)).filter(({ status }) => status === "unavailable");
    assert.ok(turnedAway.length > 0);
    await reader.close();
  });
});
