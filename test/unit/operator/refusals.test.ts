import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { Registry } from "prom-client";
import type { EventNote } from "../../../kube/record/eventRecorder.ts";
import { createRefusalMetrics } from "../../../operator/metrics/refusals.ts";
import { createRefusalEvents } from "../../../operator/status/refusalEvents.ts";
import { finding } from "../webhook/support/findings.ts";
import { policy } from "../policy/judging.ts";

const DENIED = [
  finding(),
  finding({ container: "c1" }),
  finding({ reason: "RegistryDenied" }),
  finding({ action: "warn", reason: "TagDrift" }),
  finding({ reason: "TagForbidden", exempted: { by: "e", expires: "2027-01-01T00:00:00Z" } }),
];

describe("the counter of refusals", () => {
  const counted = async (...namespaces: readonly (Set<string> | undefined)[]): Promise<readonly string[]> => {
    const register = new Registry();
    const metrics = createRefusalMetrics([register]);
    for (const name of ["shop", "gone", "made-up"]) metrics.count(DENIED, name, namespaces[0]);
    await metrics.forget(namespaces.at(-1), new Set(["production"]));
    return (await register.metrics()).split("\n").filter((line) => line.startsWith("image_security_refusals_total"));
  };

  it("names namespaces that there are, calls others other, and leaves out what does not refuse", async () => {
    const lines = await counted(new Set(["shop"]));
    assert.deepEqual(lines.toSorted(), [
      'image_security_refusals_total{policy="production",reason="DigestRequired",namespace="other"} 4',
      'image_security_refusals_total{policy="production",reason="DigestRequired",namespace="shop"} 2',
      'image_security_refusals_total{policy="production",reason="RegistryDenied",namespace="other"} 2',
      'image_security_refusals_total{policy="production",reason="RegistryDenied",namespace="shop"} 1',
    ]);
  });

  it("forgets a namespace that is gone", async () => {
    const lines = await counted(new Set(["shop", "gone"]), new Set(["shop"]));
    assert.ok(lines.some((line) => line.includes("shop")) && !lines.some((line) => line.includes("gone")));
  });

  it("forgets a policy that is gone", async () => {
    const register = new Registry();
    const metrics = createRefusalMetrics([register]);
    for (const name of ["production", "production-h4sh"])
      metrics.count([finding({ policy: name })], "shop", new Set(["shop"]));
    await metrics.forget(new Set(["shop"]), new Set(["production"]));
    const text = await register.metrics();
    assert.ok(text.includes('policy="production"') && !text.includes("h4sh"), text);
  });

  it("names none where that is switched off", async () => {
    const [first, second, ...more] = await counted(undefined);
    assert.equal(first, 'image_security_refusals_total{policy="production",reason="DigestRequired"} 6');
    assert.equal(second, 'image_security_refusals_total{policy="production",reason="RegistryDenied"} 3');
    assert.deepEqual(more, []);
  });
});

describe("the Events of refusals", () => {
  const told: (readonly [EventNote, number | undefined])[] = [];
  const make = (rest: number) => {
    told.length = 0;
    return createRefusalEvents({
      events: { record: (note, times) => void told.push([note, times]), close: async () => undefined },
      policies: () => [policy({ digest: {} }, "production")],
      namespaces: new Set(["shop"]),
      rest,
    });
  };

  it("are one for each policy, namespace and reason, however many requests there are", async () => {
    const events = make(5);
    for (let request = 0; request < 100; request += 1) events.note(DENIED, "shop");
    events.note(DENIED, "made-up");
    events.note([finding({ policy: "gone" })], "shop");
    await wait(30);
    assert.deepEqual(
      told.map(([{ involved, type, reason, message }, times]) => [
        involved.name,
        involved.uid,
        type,
        reason,
        message,
        times,
      ]),
      [
        [
          "production",
          "uid-production",
          "Warning",
          "Refused",
          "refuses requests in namespace shop: DigestRequired",
          200,
        ],
        [
          "production",
          "uid-production",
          "Warning",
          "Refused",
          "refuses requests in namespace shop: RegistryDenied",
          100,
        ],
      ],
    );
    await events.close();
  });

  it("are told at the end, too", async () => {
    const events = make(60_000);
    events.note(DENIED, "shop");
    await events.close();
    assert.equal(told.length, 2);
  });
});
