import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CertificateStore } from "../../../webhook/certificates/certificateStore.ts";
import { sameCertificate, splitPem } from "../../../webhook/certificates/material.ts";
import { WebhookInstallation, type InstallationOptions } from "../../../webhook/installation.ts";
import { fakeApi } from "./support/fakeApi.ts";
import { recordLogger } from "./support/recorders.ts";

const DAY = 86_400_000;

interface Replica {
  readonly installation: WebhookInstallation;
  /** Certificates in the order in which they were taken into service. */
  readonly served: string[];
  readonly expiries: number[];
}

describe("WebhookInstallation", () => {
  let api: ReturnType<typeof fakeApi>;
  let now: number;
  let pins: boolean | undefined;
  const running: WebhookInstallation[] = [];

  beforeEach(() => {
    api = fakeApi();
    now = Date.now();
    pins = false;
  });
  afterEach(async () => await Promise.all(running.splice(0).map((one) => one.stop())));

  const replica = (changes: Partial<InstallationOptions> = {}): Replica => {
    const served: string[] = [];
    const expiries: number[] = [];
    const store = new CertificateStore({
      api: api.secrets,
      namespace: "ns",
      name: "cert",
      names: ["localhost"],
      now: () => now,
    });
    const installation = new WebhookInstallation({
      store,
      configurations: api.configurations,
      target: { type: "url", url: "https://localhost:1" },
      excludeNamespaces: ["kube-system"],
      pins: () => pins,
      use: ({ cert }) => {
        // Never serves what the configurations do not trust at this moment.
        if (changes.configurations === undefined && !("configurations" in changes))
          assert.ok(trusted(cert), "served too early");
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
    return { installation, served, expiries };
  };

  const bundle = (): readonly string[] =>
    splitPem(Buffer.from(api.validating.value?.webhooks?.[0]?.clientConfig.caBundle ?? "", "base64").toString());

  const trusted = (cert: string): boolean =>
    bundle().some((authority) => new X509Certificate(cert).verify(new X509Certificate(authority).publicKey));

  const until = async (holds: () => boolean): Promise<void> => {
    for (let wait = 0; wait < 400; wait += 1) {
      if (holds()) return;
      await sleep(5);
    }
    assert.fail("did not come about within 2 s");
  };

  it("is ready when the configurations are written and trust what is served", async () => {
    const { installation, served, expiries } = replica();
    await installation.ready;
    assert.equal(served.length, 1);
    assert.equal(api.validating.value?.webhooks?.length, 3);
    assert.equal(expiries[0], new X509Certificate(served[0] ?? "").validToDate.getTime() / 1_000);
  });

  it("agrees with a second replica that starts at the same time", async () => {
    const [one, other] = [replica(), replica()];
    await Promise.all([one.installation.ready, other.installation.ready]);
    assert.deepEqual(one.served, other.served);
    await sleep(100);
    assert.equal(api.secret.writes, 1);
    assert.equal(api.validating.writes, 1);
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
    await until(() => api.validating.value?.webhooks?.length === 3);
    for (const entry of api.validating.value?.webhooks ?? []) entry.clientConfig.caBundle = "";
    await until(() => bundle().length === 1);
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

  it("serves at once where someone else writes the configurations", async () => {
    const { installation, served } = replica({ configurations: undefined });
    await installation.ready;
    assert.equal(served.length, 1);
    assert.equal(api.validating.writes, 0);
  });

  it("stops in the middle of a pause, and twice", async () => {
    const { installation } = replica({ interval: 60_000 });
    await installation.ready;
    await installation.stop();
    await installation.stop();
  });
});
