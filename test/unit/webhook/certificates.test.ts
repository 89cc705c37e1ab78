import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { CertificateStore } from "../../../webhook/certificates/certificateStore.ts";
import { issueAuthority, issueServing } from "../../../webhook/certificates/issue.ts";
import {
  expiryOf,
  isServing,
  isValidAt,
  sameCertificate,
  type Material,
} from "../../../webhook/certificates/material.ts";
import { OVERLAP, renew } from "../../../webhook/certificates/renew.ts";
import { webhookObjects, type WebhookObjects } from "./support/webhookObjects.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const NAMES = ["image-security.image-security-system.svc", "127.0.0.1", "localhost"];

describe("issued certificates", () => {
  it("are an authority for ten years and a server for one, under every name", async () => {
    const authority = await issueAuthority(START);
    const serving = await issueServing(authority, NAMES, START);
    const ca = new X509Certificate(authority.cert);
    const leaf = new X509Certificate(serving.cert);
    assert.ok(ca.ca && !leaf.ca);
    assert.equal(expiryOf(authority.cert), START + 3_650 * DAY);
    assert.equal(expiryOf(serving.cert), START + 365 * DAY);
    assert.ok(leaf.validFromDate.getTime() < START, "clocks may go behind");
    assert.ok(isServing(serving, authority.cert, NAMES));
    assert.ok(!isServing(serving, authority.cert, ["elsewhere.svc"]));
    assert.ok(!isServing(serving, (await issueAuthority(START)).cert, NAMES), "signed by another authority");
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });

  it("serve no longer than their authority lives", async () => {
    const authority = await issueAuthority(START);
    const late = START + 3_600 * DAY;
    assert.equal(expiryOf((await issueServing(authority, NAMES, late)).cert), expiryOf(authority.cert));
  });
});

describe("renew", () => {
  let first: Material;
  before(async () => {
    first = await renew(undefined, NAMES, START);
  });

  it("changes nothing until 90 days before the end", async () => {
    assert.equal(await renew(first, NAMES, START + 274 * DAY), first);
  });

  it("renews the serving certificate under the same authority", async () => {
    const next = await renew(first, NAMES, START + 275 * DAY);
    assert.equal(next.authority, first.authority);
    assert.deepEqual(next.bundle, first.bundle);
    assert.notEqual(next.serving.cert, first.serving.cert);
    assert.equal(expiryOf(next.serving.cert), START + 640 * DAY);
  });

  it("renews it when it lacks a name", async () => {
    const next = await renew(first, [...NAMES, "other.svc"], START + DAY);
    assert.equal(next.authority, first.authority);
    assert.ok(isServing(next.serving, first.authority.cert, ["other.svc"]));
  });

  it("keeps the old authority in the bundle for a day beside a new one", async () => {
    const now = START + 3_560 * DAY;
    const next = await renew(first, NAMES, now);
    assert.notEqual(next.authority.cert, first.authority.cert);
    assert.deepEqual(next.bundle, [next.authority.cert, first.authority.cert]);
    assert.ok(isServing(next.serving, next.authority.cert, NAMES));
    assert.equal(await renew(next, NAMES, now + OVERLAP - 1), next);
    assert.deepEqual((await renew(next, NAMES, now + OVERLAP)).bundle, [next.authority.cert]);
  });

  it("replaces what was made while the clock was ahead: an API server takes it for not yet valid", async () => {
    const ahead = START + 400 * DAY;
    const serving = await renew({ ...first, serving: await issueServing(first.authority, NAMES, ahead) }, NAMES, START);
    assert.equal(serving.authority, first.authority);
    assert.ok(isValidAt(serving.serving.cert, START));
    const all = await renew(await renew(undefined, NAMES, ahead), NAMES, START);
    assert.ok(isValidAt(all.authority.cert, START) && isValidAt(all.serving.cert, START));
    assert.deepEqual(all.bundle, [all.authority.cert], "nobody can be trusted by the other one");
    const little = await renew(undefined, NAMES, START + 1_800_000);
    assert.equal(await renew(little, NAMES, START), little, "clocks may differ by a little");
  });

  it("replaces an authority whose key is gone or foreign, and leaves no expired one behind", async () => {
    const other = await issueAuthority(START);
    const foreign = await renew({ ...first, authority: { ...first.authority, key: other.key } }, NAMES, START + DAY);
    assert.equal(foreign.bundle.length, 2);
    const late = await renew(first, NAMES, START + 3_651 * DAY);
    assert.deepEqual(late.bundle, [late.authority.cert]);
  });
});

describe("CertificateStore", () => {
  let api: WebhookObjects;
  beforeEach(async () => {
    api = await webhookObjects();
  });
  afterEach(() => api.stop());

  const store = (now = (): number => START): CertificateStore =>
    new CertificateStore({ client: api.client, namespace: "ns", name: "cert", names: NAMES, now });

  it("makes the Secret once and reads it afterwards", async () => {
    const one = await store().sync();
    assert.equal(api.secret.value?.type, "kubernetes.io/tls");
    assert.deepEqual(Object.keys(api.secret.value?.data ?? {}).toSorted(), ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    assert.deepEqual(await store().sync(), one);
    assert.equal(api.secret.writes, 1);
  });

  it("lets two replicas that start together end up with the same certificates", async () => {
    const replicas = await Promise.all([store().sync(), store().sync(), store().sync()]);
    assert.equal(new Set(replicas.map(({ authority }) => authority.cert)).size, 1);
    assert.equal(new Set(replicas.map(({ serving }) => serving.cert)).size, 1);
    assert.equal(api.secret.writes, 1);
  });

  it("lets two replicas that renew together end up with the same certificates", async () => {
    let now = START;
    const [a, b] = [store(() => now), store(() => now)];
    const before = await a.sync();
    await b.sync();
    now = START + 280 * DAY;
    const [one, other] = await Promise.all([a.sync(), b.sync()]);
    assert.deepEqual(one, other);
    assert.notEqual(one.serving.cert, before.serving.cert);
    assert.equal(one.authority.cert, before.authority.cert);
    assert.equal(api.secret.writes, 2);
  });

  it("makes a new authority when the Secret is deleted, and trusts the one before for a day", async () => {
    let now = START;
    const replica = store(() => now);
    const before = await replica.sync();
    api.secret.delete();
    const after = await replica.sync();
    assert.notEqual(after.authority.cert, before.authority.cert);
    assert.ok(after.bundle.some((pem) => sameCertificate(pem, before.authority.cert)));
    now += OVERLAP;
    assert.equal((await replica.sync()).bundle.length, 1);
  });

  const rubbish = Buffer.from("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----").toString("base64");
  const broken: readonly (readonly [why: string, keeps: boolean, spoil: (data: Record<string, string>) => void])[] = [
    ["is empty", false, (data) => Object.keys(data).forEach((key) => delete data[key])],
    ["has no authority", false, (data) => delete data["ca.crt"]],
    ["has rubbish for an authority", false, (data) => void (data["ca.crt"] = rubbish)],
    ["has an authority without its key", false, (data) => delete data["ca.key"]],
    ["has rubbish for a certificate", true, (data) => void (data["tls.crt"] = rubbish)],
    ["has a key of another certificate", true, (data) => void (data["tls.key"] = data["ca.key"] ?? "")],
  ];
  for (const [why, keeps, spoil] of broken) {
    it(`writes a Secret anew that ${why}, and keeps what else it holds`, async () => {
      const before = await store().sync();
      const { value } = api.secret;
      assert.ok(value?.data);
      spoil(value.data);
      value.data["note"] = "mine";
      const material = await store().sync();
      assert.ok(isServing(material.serving, material.authority.cert, NAMES));
      assert.equal(api.secret.value?.data?.["note"], "mine");
      assert.equal(material.authority.cert === before.authority.cert, keeps);
      assert.deepEqual(await store().sync(), material);
    });
  }

  it("gives up a round where the Secret changes under its hands each time", async () => {
    api.beforeWrite = () => api.secret.put({ data: {} });
    await assert.rejects(store().sync(), /changes faster/);
  });

  it("rejects where the API server refuses", async () => {
    api.refuse = () => "forbidden";
    await assert.rejects(store().sync(), /forbidden/);
  });
});
