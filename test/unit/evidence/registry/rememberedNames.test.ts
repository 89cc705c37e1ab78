import assert from "node:assert/strict";
import type { ResolvedAddress } from "../../../../evidence/registry/http/network.ts";
import { rememberNames } from "../../../../evidence/registry/http/rememberedNames.ts";
import { makeImage } from "../../../../sandbox/registry/images.ts";
import { resetAfter } from "../../../../sandbox/registry/misbehaviour/wrongTransport.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { startRegistry } from "../../../../sandbox/registry/server.ts";
import { makeCertificate } from "./support/certificates.ts";
import { testNetwork } from "./support/names.ts";
import { openReaders, patient } from "./support/readers.ts";

const OLD: readonly ResolvedAddress[] = [{ address: "10.0.0.1", family: 4 }];
const NEW: readonly ResolvedAddress[] = [{ address: "10.0.0.2", family: 4 }];
type Answer = () => Promise<readonly ResolvedAddress[]>;
const never: Answer = async () => new Promise(() => undefined);
const fails =
  (code: string): Answer =>
  async () => {
    throw Object.assign(new Error(code), { code });
  };

/** Resolves with each of these in turn. */
const names = (...answers: readonly Answer[]): ReturnType<typeof rememberNames> & { readonly asked: () => number } => {
  let nth = 0;
  const resolve = rememberNames(async () => (answers[nth++] ?? never)());
  return Object.assign(resolve, { asked: () => nth });
};

describe("names of registries", () => {
  it("many connections are one question", async () => {
    const resolve = names(async () => OLD);
    const found = await Promise.all(Array.from({ length: 16 }, async () => resolve("registry.example", true)));
    assert.ok(found.every((one) => one === OLD));
    assert.equal(resolve.asked(), 1);
  });

  it("a new answer counts, where there is one", async () => {
    const resolve = names(
      async () => OLD,
      async () => NEW,
    );
    await resolve("registry.example", true);
    assert.equal(await resolve("registry.example", true), NEW);
  });

  for (const [why, answer] of [
    ["never comes", never],
    ["cannot be had now", fails("EAI_AGAIN")],
  ] as const) {
    it(`an answer that ${why}: the last addresses do over TLS`, async () => {
      const resolve = names(async () => OLD, answer);
      await resolve("registry.example", true);
      assert.equal(await resolve("registry.example", true), OLD);
    });
  }

  it("over plain HTTP they do not: whoever has the address by now need not be the registry", async () => {
    const resolve = names(async () => OLD, fails("EAI_AGAIN"));
    await resolve("registry.example", false);
    await assert.rejects(resolve("registry.example", false), /EAI_AGAIN/);
  });

  it("a name that is gone is gone", async () => {
    const resolve = names(async () => OLD, fails("ENOTFOUND"), fails("EAI_AGAIN"));
    await resolve("registry.example", true);
    await assert.rejects(resolve("registry.example", true), /ENOTFOUND/);
    await assert.rejects(resolve("registry.example", true), /EAI_AGAIN/);
  });

  it("a name without addresses forgets nothing, and a first answer that fails is told", async () => {
    const resolve = names(async () => [], fails("EAI_AGAIN"));
    assert.deepEqual(await resolve("registry.example", true), []);
    await assert.rejects(resolve("registry.example", true), /EAI_AGAIN/);
  });

  it("a hundred names that never resolve hold up no registry that was found before", async () => {
    const image = makeImage();
    const tls = await makeCertificate(["registry.company.com"]);
    await using place = await startRegistry({ tls });
    addToStore(place.store, "team/app", image, "v1");
    const network = testNetwork(
      { "registry.company.com": ["10.1.1.1"] },
      { "10.1.1.1:443": Number(place.host.split(":")[1]) },
    );
    const stuck = { now: false };
    const resolve = async (host: string): Promise<readonly ResolvedAddress[]> =>
      stuck.now ? never() : network.resolve(host);
    await using readers = openReaders({ plainHttp: [], caBundles: [tls.caFile] }, { network: { ...network, resolve } });
    const app = readers.open("registry.company.com/team/app");
    assert.equal((await app.manifest(image.digest, patient())).status, "verified");
    stuck.now = true;
    // The connection goes, so that another has to be made.
    place.misbehave({ as: resetAfter(0), times: 1 });
    const outcome = await app.manifestByTag("v1", patient());
    assert.equal(outcome.status, "verified", JSON.stringify(outcome));
    assert.ok(place.requests.length > 2);
  });
});
