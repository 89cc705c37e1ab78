import assert from "node:assert/strict";
import { leaveTime } from "../../../operator/admission.ts";

describe("a replica that is going away", () => {
  for (const [what, address, leaves] of [
    ["behind a Service", { type: "service", name: "webhook", port: 443 }, true],
    ["behind a URL that was given: a load balancer may stand there", { type: "url", url: "https://lb.example" }, true],
    ["at its own address: nobody else would take the requests", { type: "url" }, false],
  ] as const) {
    it(`${leaves ? "still takes requests for a while" : "ends at once"} ${what}`, () => {
      assert.equal(leaveTime({ webhookAddress: address, shutdownDelay: 2_000 }), leaves ? 2_000 : 0);
    });
  }
});
