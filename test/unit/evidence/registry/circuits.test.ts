import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Circuits } from "../../../../evidence/registry/http/circuits.ts";
import type { Outcome } from "../../../../policy/facts/outcome.ts";
import { makeImage } from "../../../../sandbox/registry/images.ts";
import { redirect, status } from "../../../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { resetAfter, stall } from "../../../../sandbox/registry/misbehaviour/wrongTransport.ts";
import type { Misbehaviour } from "../../../../sandbox/registry/misbehaviour/rules.ts";
import { addToStore } from "../../../../sandbox/registry/push.ts";
import { startRegistry } from "../../../../sandbox/registry/server.ts";
import { freePort } from "../../../../sandbox/freePort.ts";
import { openReaders, patient, type Readers } from "./support/readers.ts";

const image = makeImage();
const said = (outcome: Outcome<unknown>): string => ("message" in outcome ? outcome.message : outcome.status);
const read = async (readers: Readers, host: string, repository = "team/app"): Promise<string> =>
  said(await readers.open(`${host}/${repository}`).manifest(image.digest, patient()));
const limits = { circuitTime: 200, connectTime: 300 };

describe("a circuit", () => {
  it("opens with a failure, lets one through after its time, and closes when that one gets there", async () => {
    const circuits = new Circuits(30);
    assert.equal(circuits.enter("a"), "ask");
    circuits.fail("a", "registry");
    assert.equal(circuits.enter("a"), "open");
    assert.equal(circuits.enter("b"), "ask");
    assert.deepEqual(circuits.open, ["registry"]);
    await sleep(40);
    assert.deepEqual(circuits.open, []);
    assert.equal(circuits.enter("a"), "probe");
    assert.equal(circuits.enter("a"), "open", "one is enough to find out");
    circuits.giveUp("a");
    assert.equal(circuits.enter("a"), "probe");
    circuits.fail("a", "registry");
    assert.equal(circuits.enter("a"), "open");
    await sleep(40);
    assert.equal(circuits.enter("a"), "probe");
    circuits.reach("a");
    assert.equal(circuits.enter("a"), "ask");
  });
  it("forgets the oldest of too many", () => {
    const circuits = new Circuits(10_000);
    for (let nth = 0; nth < 1_500; nth += 1) circuits.fail(`${nth}`, "x");
    assert.equal(circuits.open.length, 1_000);
  });
});

describe("a registry that nobody can connect to", () => {
  it("is not waited for again, and is there again as soon as it is", async () => {
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    await using readers = openReaders({ limits });
    assert.match(await read(readers, host), /could not be reached, or broke off/);
    const asked = readers.metrics.requests.length;
    assert.equal(asked, 3, "it was tried");
    assert.match(await read(readers, host, "another/app"), /could not be reached a moment ago/);
    assert.equal(readers.metrics.requests.length, asked, "nobody tried");
    const place = await startRegistry({ port });
    addToStore(place.store, "team/app", image);
    await sleep(220);
    const all = await Promise.all(Array.from({ length: 5 }, async () => read(readers, host)));
    assert.deepEqual(new Set(all), new Set(["verified"]), "the same question is one probe");
    await place.close();
  });

  it("is unavailable, whose older good answer stands in, and never a pass or a refusal of its own", async () => {
    const place = await startRegistry();
    addToStore(place.store, "team/app", image);
    await using readers = openReaders({ limits });
    assert.equal(await read(readers, place.host), "verified");
    await place.close();
    readers.tick(600_001);
    assert.equal(await read(readers, place.host), "verified");
    const other = await readers.open(`${place.host}/other`).manifest(image.digest, patient());
    assert.ok(other.status === "unavailable" && other.cause === "network");
  });
});

describe("what a tenant can bring about", () => {
  const ways: readonly (readonly [why: string, as: Misbehaviour])[] = [
    ["an answer that says no", status(403)],
    ["errors of the server", status(503)],
    ["resets", resetAfter(1)],
    ["a redirect to a host that is nowhere", redirect("http://127.0.0.1:1/")],
    ["silence", stall()],
  ];
  for (const [why, as] of ways) {
    it(`opens no circuit: ${why}`, async () => {
      await using place = await startRegistry();
      addToStore(place.store, "team/app", image);
      place.misbehave({ when: { path: "/evil/" }, as });
      await using readers = openReaders({ limits });
      for (let round = 0; round < 3; round += 1)
        await readers.open(`${place.host}/evil/app`).manifest(image.digest, AbortSignal.timeout(100));
      assert.equal(await read(readers, place.host), "verified");
    });
  }
});

describe("a host that lets nobody in by accepting nothing", () => {
  it("is left alone after one time of connecting", async () => {
    // A TLS server that never shakes hands is as good as one that cannot be connected to.
    const server: Server = createServer((socket) => socket.on("error", () => undefined));
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const host = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    await using readers = openReaders({ limits, plainHttp: [], allowedAddresses: ["127.0.0.0/8"] });
    const started = performance.now();
    assert.match(await read(readers, host), /did not answer in time/);
    assert.match(await read(readers, host, "other"), /could not be reached a moment ago/);
    assert.ok(performance.now() - started < 900);
    server.close();
  });
});
