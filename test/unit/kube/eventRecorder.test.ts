import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { createEventRecorder, type EventNote, type EventRecorder } from "../../../kube/record/eventRecorder.ts";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { fieldsOf } from "../../../json/fields.ts";
import { SILENT } from "../../../kube/log.ts";
import { FakeApiServer, json, until, type FakeObject } from "./fakeApiServer.ts";

const EVENTS = "/api/v1/events";

describe("Events", () => {
  let server: FakeApiServer;
  let client: KubeClient;
  let recorder: EventRecorder;
  let warnings: number;
  /** That the recorder's clock is ahead. */
  let seconds: number;
  let made: Map<string, FakeObject>;

  beforeEach(async () => {
    server = new FakeApiServer();
    server.define(EVENTS);
    await server.start();
    client = server.client();
    warnings = 0;
    seconds = 0;
    made = new Map();
  });
  afterEach(async () => {
    await recorder.close();
    await client.close();
    await server.stop();
  });

  const begin = (backlog = 100): void => {
    recorder = createEventRecorder({
      component: "image-security",
      client,
      instance: "test",
      now: () => Date.now() + 1_000 * seconds,
      log: { ...SILENT, warn: () => (warnings += 1) },
      backlog,
    });
  };
  const note = (pod: string, message = "violates p"): EventNote => ({
    involved: { apiVersion: "v1", kind: "Pod", namespace: "default", name: pod, uid: `uid-of-${pod}` },
    type: "Warning",
    reason: "ImageSecurityViolation",
    message,
  });
  const posted = (): readonly FakeObject[] =>
    server.requests.filter(({ method }) => method === "POST").map(({ body }) => body as FakeObject);
  const countOf = (event: FakeObject | undefined): unknown =>
    event === undefined
      ? undefined
      : fieldsOf(server.get(EVENTS, `${event.metadata.namespace}/${event.metadata.name}`))["count"];

  it("are in the namespace of what they are about, and of one without in default", async () => {
    begin();
    recorder.record(note("a"));
    recorder.record({
      ...note("p"),
      involved: { apiVersion: "x/v1", kind: "Policy", namespace: "", name: "p", uid: "u" },
    });
    await recorder.settled();
    const [ofPod, ofPolicy] = posted();
    assert.equal(ofPod?.metadata.namespace, "default");
    assert.deepEqual(fieldsOf(ofPod?.["involvedObject"]), {
      apiVersion: "v1",
      kind: "Pod",
      namespace: "default",
      name: "a",
      uid: "uid-of-a",
    });
    assert.equal(ofPolicy?.metadata.namespace, "default");
    assert.equal("namespace" in fieldsOf(ofPolicy?.["involvedObject"]), false);
    assert.ok(made.size === 0);
  });

  it("are one with a count where the same is told again", async () => {
    begin();
    recorder.record(note("a"));
    await recorder.settled();
    recorder.record(note("a"));
    await recorder.settled();
    recorder.record(note("a"));
    await recorder.settled();
    const names = new Set(posted().map(({ metadata }) => metadata.name));
    assert.equal(names.size, 1);
    assert.equal(countOf(posted()[0]), 3);
    recorder.record(note("a", "violates q"));
    recorder.record(note("b"));
    await recorder.settled();
    assert.equal(new Set(posted().map(({ metadata }) => metadata.name)).size, 3);
  });

  for (const method of ["POST", "PATCH"])
    it(`are counted once where the answer to a ${method} was lost`, async () => {
      begin();
      if (method === "PATCH") {
        recorder.record(note("a"));
        await recorder.settled();
        // In another second: Events have no smaller unit.
        seconds += 5;
      }
      let lost = false;
      server.faults.push(async (request, response) => {
        if (lost || request.method !== method) return false;
        lost = true;
        response.end = () => {
          request.socket.destroy();
          return response;
        };
        return false;
      });
      recorder.record(note("a"), 2);
      await recorder.settled();
      assert.ok(lost);
      assert.equal(countOf(posted()[0]), method === "PATCH" ? 3 : 2);
      assert.equal(warnings, 0);
    }).timeout(20_000);

  it("are dropped after a while where they cannot be written, and hold nothing up", async () => {
    begin();
    server.faults.push((request, response, url) => {
      if (!url.pathname.includes("/events") || request.method !== "POST") return false;
      if (!JSON.stringify(server.requests.at(-1)?.body).includes("uid-of-a")) return false;
      json(response, 403, { message: "the namespace is being terminated" });
      return true;
    });
    recorder.record(note("a"));
    recorder.record(note("b"));
    await until("b is told", () => posted().some((event) => countOf(event) === 1));
    await recorder.settled();
    assert.equal(warnings, 1);
  }).timeout(20_000);

  it("are dropped at once where they are refused for good, and of a namespace that goes away without a word", async () => {
    begin();
    const terminating = { details: { causes: [{ reason: "NamespaceTerminating" }] } };
    let refusal: readonly [status: number, body: object] = [403, terminating];
    server.faults.push((request, response, url) => {
      if (!url.pathname.includes("/events") || request.method !== "POST") return false;
      json(response, ...refusal);
      return true;
    });
    recorder.record(note("a"));
    await recorder.settled();
    assert.equal(warnings, 0);
    refusal = [422, { message: "involvedObject.namespace: Invalid value" }];
    recorder.record(note("a"));
    await recorder.settled();
    assert.equal(warnings, 1);
    assert.equal(server.requests.filter(({ method }) => method === "POST").length, 2);
  });

  it("are bounded: more than can be written are left out, and said once", async () => {
    begin(10);
    server.faults.push(async () => {
      await wait(20);
      return false;
    });
    for (let index = 0; index < 100; index += 1) recorder.record(note(`pod-${index}`));
    await recorder.settled();
    assert.equal(posted().length, 10);
    assert.equal(warnings, 1);
  });

  it("have names and messages that the API server takes", async () => {
    begin();
    recorder.record(note("a".repeat(253), "x".repeat(5_000)));
    await recorder.settled();
    const [event] = posted();
    assert.ok((event?.metadata.name.length ?? 999) <= 253);
    assert.ok(String(event?.["message"]).length <= 1_024);
  });

  it("are all written at the end that stood in the queue, and none comes after", async () => {
    begin();
    server.faults.push(async () => {
      await wait(10);
      return false;
    });
    for (let index = 0; index < 50; index += 1) recorder.record(note(`pod-${index}`), 2);
    await recorder.close();
    assert.equal(posted().length, 50);
    assert.ok(posted().every((event) => countOf(event) === 2));
    recorder.record(note("late"));
    await wait(30);
    assert.equal(posted().length, 50);
    assert.equal(warnings, 0);
  });

  it("hold the end up no longer than a few seconds, and the log says how many were left", async () => {
    begin();
    server.faults.push(async () => {
      await wait(30_000, undefined, { ref: false });
      return true;
    });
    for (let index = 0; index < 10; index += 1) recorder.record(note(`pod-${index}`));
    const since = performance.now();
    await recorder.close();
    assert.ok(performance.now() - since < 5_000);
    assert.equal(warnings, 1);
  });
});
