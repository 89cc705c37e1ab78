import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificateStore } from "../../../webhook/certificates/certificateStore.ts";
import { issueAuthority, issueServing } from "../../../webhook/certificates/issue.ts";
import { sameCertificate, splitPem } from "../../../webhook/certificates/material.ts";
import type { GuardState, Reach } from "../../../webhook/guard/guardState.ts";
import { WebhookInstallation, type InstallationOptions } from "../../../webhook/installation.ts";
import { webhookObjects, type WebhookObjects } from "./support/webhookObjects.ts";
import { recordLogger } from "./support/recorders.ts";

const DAY = 86_400_000;

interface Replica {
  readonly installation: WebhookInstallation;
  /** Certificates in the order in which they were taken into service. */
  readonly served: string[];
  readonly expiries: number[];
  /** What was seen of the configurations, in order. */
  readonly seen: GuardState[];
  readonly guard: () => GuardState | undefined;
}

describe("WebhookInstallation", () => {
  let api: WebhookObjects;
  let now: number;
  let pins: boolean | undefined;
  let serves: boolean;
  let leaving: boolean;
  /** What the API server answers to the probe, where the probe's entry is there. */
  let reach: Reach;
  const running: WebhookInstallation[] = [];

  beforeEach(async () => {
    api = await webhookObjects();
    now = Date.now();
    pins = false;
    serves = true;
    leaving = false;
    reach = { status: "reached" };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((one) => one.stop()));
    await api.stop();
  });

  const replica = (changes: Partial<InstallationOptions> = {}): Replica => {
    const served: string[] = [];
    const expiries: number[] = [];
    const seen: GuardState[] = [];
    const store = new CertificateStore({
      client: api.client,
      namespace: "ns",
      name: "cert",
      names: ["localhost"],
      now: () => now,
    });
    const installation = new WebhookInstallation({
      store,
      client: api.client,
      manage: true,
      namespace: "ns",
      serves: () => serves,
      leaving: () => Promise.resolve(leaving),
      probe: () => Promise.resolve(hasProbe() ? reach : { status: "notAsked" }),
      onGuard: (state) => void seen.push(state),
      target: { type: "url", url: "https://localhost:1" },
      excludeNamespaces: ["kube-system"],
      pins: () => pins,
      use: ({ cert }) => {
        // Never serves what the configurations do not trust at this moment.
        // While nobody is asked, there is nobody to trust it.
        if (changes.manage !== false && guarded()) assert.ok(trusted(cert), "served too early");
        served.push(cert);
      },
      certificateExpiry: (seconds) => void expiries.push(seconds),
      logger: recordLogger(),
      interval: 20,
      settle: 60,
      ...changes,
    });
    installation.start();
    running.push(installation);
    return { installation, served, expiries, seen, guard: () => seen.at(-1) };
  };

  const names = (): readonly string[] => (api.validating.value?.webhooks ?? []).map(({ name }) => name);
  const hasProbe = (): boolean => names().some((name) => name.startsWith("probe."));
  const guarded = (): boolean => names().some((name) => !name.startsWith("probe."));

  const bundle = (): readonly string[] =>
    splitPem(Buffer.from(api.validating.value?.webhooks?.[0]?.clientConfig.caBundle ?? "", "base64").toString());

  const trusted = (cert: string): boolean =>
    bundle().some((authority) => new X509Certificate(cert).verify(new X509Certificate(authority).publicKey));

  const until = async (holds: () => boolean, milliseconds = 2_000): Promise<void> => {
    for (let wait = 0; wait < milliseconds; wait += 5) {
      if (holds()) return;
      await sleep(5);
    }
    assert.fail(`did not come about within ${milliseconds} ms`);
  };

  it("is ready when the configurations are written and trust what is served", async () => {
    const { installation, served, expiries } = replica();
    await installation.ready;
    assert.equal(served.length, 1);
    assert.equal(names().length, 4);
    assert.equal(expiries[0], new X509Certificate(served[0] ?? "").validToDate.getTime() / 1_000);
  });

  it("agrees with a second replica that starts at the same time", async () => {
    const [one, other] = [replica(), replica()];
    await Promise.all([one.installation.ready, other.installation.ready]);
    assert.deepEqual(one.served, other.served);
    await sleep(100);
    assert.equal(api.secret.writes, 1);
    // The probe's entry, then all of them.
    assert.equal(api.validating.writes, 2);
  });

  it("takes a renewed serving certificate at once, on all replicas", async () => {
    const [one, other] = [replica(), replica()];
    await Promise.all([one.installation.ready, other.installation.ready]);
    now += 280 * DAY;
    await until(() => one.served.length === 2 && other.served.length === 2);
    assert.deepEqual(one.served, other.served);
    assert.equal(bundle().length, 1);
  });

  it("changes the authority with both in the bundle, and serves the new one only when it had time to be seen", async () => {
    const { installation, served } = replica();
    await installation.ready;
    const [before = ""] = bundle();
    now += 3_600 * DAY;
    await until(() => bundle().length === 2);
    assert.equal(served.length, 1, "not before the API servers had time");
    assert.ok(bundle().some((pem) => sameCertificate(pem, before)));
    await until(() => served.length === 2);
    now += DAY;
    await until(() => bundle().length === 1);
    assert.ok(trusted(served[1] ?? ""));
  });

  it("follows another replica's authority", async () => {
    const one = replica();
    await one.installation.ready;
    api.secret.delete();
    await until(() => one.served.length === 2);
    const late = replica();
    await late.installation.ready;
    assert.equal(late.served[0], one.served[1]);
  });

  it("never lets a bundle go back: a write that was late conflicts", async () => {
    const one = replica();
    await one.installation.ready;
    const stale = api.validating.value?.metadata?.resourceVersion;
    now += 3_600 * DAY;
    await until(() => bundle().length === 2);
    assert.notEqual(api.validating.value?.metadata?.resourceVersion, stale);
    replica();
    await sleep(100);
    assert.equal(bundle().length, 2);
  });

  it("registers the mutating webhook only while a policy pins", async () => {
    pins = undefined;
    const { installation } = replica({ interval: 60_000 });
    await installation.ready;
    assert.equal(api.mutating.writes, 0);
    pins = true;
    installation.poke();
    await until(() => api.mutating.value?.webhooks?.length === 3);
    pins = false;
    installation.poke();
    await until(() => api.mutating.value?.webhooks?.length === 0);
  });

  it("puts deleted and emptied configurations right", async () => {
    const { installation } = replica();
    await installation.ready;
    api.validating.delete();
    await until(() => names().length === 4);
    for (const entry of api.validating.value?.webhooks ?? []) entry.clientConfig.caBundle = "";
    await until(() => bundle().length === 1);
  });

  it("leaves to cert-manager's CA injector the bundles of configurations that its annotation names, and adds entries with them", async () => {
    pins = true;
    const { installation } = replica();
    await installation.ready;
    const injected = Buffer.from(`# injected\n${bundle().join("")}`).toString("base64");
    const other = Buffer.from((await issueAuthority(now)).cert).toString("base64");
    for (const [kind, text] of [
      [api.validating, injected],
      [api.mutating, other],
    ] as const) {
      const { value } = kind;
      assert.ok(value);
      const annotations = { "cert-manager.io/inject-ca-from": "ns/webhook" };
      value.metadata = Object.assign({}, value.metadata, { annotations });
      for (const entry of value.webhooks ?? []) entry.clientConfig.caBundle = text;
    }
    const kept = (): boolean =>
      api.validating.value?.webhooks?.every(({ clientConfig }) => clientConfig.caBundle === injected) === true;
    const { writes } = api.validating;
    await sleep(100);
    assert.ok(kept());
    assert.equal(api.validating.writes, writes, "what trusts the same is no change");
    // One entry is gone: what comes back has the bundle of its neighbours.
    api.validating.value?.webhooks?.shift();
    await until(() => names().length === 4);
    assert.ok(kept());
    for (const entry of api.validating.value?.webhooks ?? []) entry.clientConfig.caBundle = other;
    await sleep(100);
    assert.ok(
      api.validating.value?.webhooks?.every(({ clientConfig }) => clientConfig.caBundle === other),
      "also one that does not trust what is served: it is the injector's",
    );
  });

  it("keeps in the bundle what a replica trusts that has its certificates in another way, and neither undoes the other", async () => {
    const first = replica();
    await first.installation.ready;
    const before = bundle();
    const authority = await issueAuthority(now);
    const serving = await issueServing(authority, ["localhost"], now);
    const material = { authority: { ...authority, key: "" }, bundle: [authority.cert], serving, authoritySince: now };
    const second = replica({ store: { sync: () => Promise.resolve(material) } });
    await second.installation.ready;
    await sleep(150);
    const { writes } = api.validating;
    await sleep(150);
    assert.equal(api.validating.writes, writes, "they agree");
    assert.deepEqual(bundle().toSorted(), [...before, authority.cert].toSorted());
  });

  it("tries again for as long as the API server fails", async () => {
    let refusals = 3;
    api.beforeWrite = () => {
      refusals -= 1;
      if (refusals >= 0) throw new Error("the API server is away");
    };
    const { installation } = replica();
    await installation.ready;
    assert.ok(refusals < 0);
  });

  it("serves at once where someone else writes the configurations, and says what is wrong with them", async () => {
    const { installation, served, guard } = replica({ manage: false });
    await installation.ready;
    assert.equal(served.length, 1);
    await until(() => guard()?.status === "gap");
    assert.match(JSON.stringify(guard()), /ConfigurationMissing.*is missing.*--manage-webhooks=false/);
    assert.equal(api.validating.writes, 0);
  });

  for (const manage of [true, false])
    it(`says that nobody knows where the configurations may not be read, and serves all the same, --manage-webhooks=${manage}`, async () => {
      api.refuse = (_, path) => (path.includes("/mutating") ? "may not get them" : undefined);
      const { installation, served, guard } = replica({ manage });
      await until(() => guard()?.status === "gap");
      assert.match(JSON.stringify(guard()), /NotSeen.*could not be read \(may not get them\)/);
      await until(() => served.length === 1);
      api.refuse = () => undefined;
      await installation.ready;
      await until(() => !JSON.stringify(guard()).includes("NotSeen"));
    });

  describe("cannot stop a cluster:", () => {
    it("nothing refuses images before this replica could judge", async () => {
      serves = false;
      api.validating.put({});
      const { installation, served, guard } = replica({ interval: 60_000 });
      await until(() => guard() !== undefined && served.length === 1);
      assert.equal(api.validating.writes, 0);
      assert.match(JSON.stringify(guard()), /NotInstalled/);
      serves = true;
      installation.poke();
      await installation.ready;
      assert.equal(names().length, 4);
      await until(() => guard()?.status === "enforced");
    });

    it("nothing refuses images before the API server was seen to reach the webhook", async () => {
      reach = { status: "unreachable", cause: "connection refused" };
      const { guard } = replica();
      await until(() => guard()?.status === "gap");
      assert.deepEqual(names(), ["probe.validate.imagesecurity.dev"]);
      assert.match(JSON.stringify(guard()), /NotInstalled.*connection refused/);
    });

    it("what was deleted while nobody can be reached is not put back", async function () {
      this.timeout(20_000);
      reach = { status: "unreachable", cause: "connection refused" };
      const { guard } = replica();
      await until(() => hasProbe());
      api.validating.delete();
      // Where it was deleted just before the probe asked, that goes on asking for a while.
      await until(() => hasProbe(), 15_000);
      await sleep(100);
      assert.ok(!guarded());
      assert.equal(guard()?.status, "gap");
    });

    it("what is there stays, when the API server reaches it no longer", async () => {
      const { installation, guard } = replica();
      await installation.ready;
      reach = { status: "unreachable", cause: "connection refused" };
      await sleep(100);
      assert.equal(names().length, 4);
      assert.equal(guard()?.status, "enforced", "asked a moment ago");
    });

    it("nothing is left when the operator's namespace goes, nor put back", async () => {
      const { installation, guard } = replica();
      await installation.ready;
      leaving = true;
      installation.poke();
      await until(() => names().length === 0);
      await until(() => guard()?.status === "gap");
      api.validating.delete();
      installation.poke();
      await sleep(60);
      assert.equal(api.validating.value, undefined);
    });

    it("nothing is left when it ends with its namespace, and everything when it just ends", async () => {
      const [one, other] = [replica({ interval: 60_000 }), replica({ interval: 60_000 })];
      await Promise.all([one.installation.ready, other.installation.ready]);
      await one.installation.stop();
      assert.equal(names().length, 4);
      leaving = true;
      await other.installation.stop();
      assert.equal(names().length, 0);
    });
  });

  it("takes its entries away while it is suspended, keeps others', and comes back", async () => {
    pins = true;
    const { installation, guard } = replica();
    await installation.ready;
    await until(() => api.mutating.value?.webhooks?.length === 3);
    const foreign = Object.assign(structuredClone(api.validating.value!.webhooks![0]!), { name: "other.example.com" });
    api.validating.value!.webhooks!.push(foreign);
    api.validating.value!.metadata!.annotations = { "imagesecurity.dev/suspended": "incident 42" };
    await until(() => names().length === 1 && api.mutating.value?.webhooks?.length === 0);
    assert.deepEqual(names(), ["other.example.com"]);
    await until(() => guard()?.status === "gap");
    assert.match(JSON.stringify(guard()), /Suspended.*incident 42.*imagesecurity\.dev\/suspended-/);
    delete api.validating.value!.metadata!.annotations;
    await until(() => names().length === 5 && api.mutating.value?.webhooks?.length === 3);
  });

  it("says what it has no right to put right, in the API server's one line", async () => {
    const logger = recordLogger();
    const { installation, guard } = replica({ logger });
    await installation.ready;
    api.refuse = (method) =>
      method === "GET" ? undefined : 'validatingwebhookconfigurations is forbidden: User "x" cannot create';
    api.validating.delete();
    await until(() => guard()?.status === "gap");
    assert.match(JSON.stringify(guard()), /ConfigurationMissing.*is missing.*could not put it right .*cannot create/);
    await sleep(200);
    const lines = logger.lines.filter(([, message]) => message.includes("could not be installed"));
    assert.equal(lines.filter(([level]) => level === "warn").length, 1, "told of once");
    assert.doesNotMatch(JSON.stringify(lines), /HTTP-Code|Headers/);
    api.refuse = () => undefined;
    await until(() => guard()?.status === "enforced");
  });

  it("does not fight for ever with whoever undoes every write", async () => {
    const { installation } = replica({ interval: 60_000 });
    await installation.ready;
    const before = api.validating.writes;
    api.afterWrite = () => {
      for (const entry of api.validating.value?.webhooks ?? []) entry.failurePolicy = "Ignore";
      installation.poke();
    };
    api.afterWrite();
    await sleep(800);
    const writes = api.validating.writes - before;
    assert.ok(writes >= 3 && writes <= 6, `${writes} writes`);
  });

  it("stops in the middle of a pause, and twice", async () => {
    const { installation } = replica({ interval: 60_000 });
    await installation.ready;
    await installation.stop();
    await installation.stop();
  });
});
