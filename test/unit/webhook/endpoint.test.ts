import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import { SILENT } from "../../../kube/log.ts";
import { allowed } from "../../../webhook/review/admissionResponse.ts";
import { BodyBudget } from "../../../webhook/server/bodyBudget.ts";
import { Deadlines } from "../../../webhook/server/deadline.ts";
import { createEndpoint, createSlots } from "../../../webhook/server/endpoint.ts";
import { createShares } from "../../../webhook/server/shares.ts";
import { pod, request, review } from "./support/requests.ts";

const LIMITS = { reviews: 100, bytes: 1024 * 1024 };
const SMALL = review(request("Pod", pod(["a.b/small"])));
const LARGE = review(request("Pod", pod(["a.b/large"], { annotations: { note: "x".repeat(100_000) } })));

describe("an endpoint", () => {
  let judged: string[];
  let budget: BodyBudget;
  let post: (body: string) => { destroyed: boolean };
  const deadlines = new Deadlines();
  after(() => deadlines.close());

  beforeEach(() => {
    judged = [];
    budget = new BodyBudget(LIMITS.bytes);
    const answer = createEndpoint(
      {
        deadlines,
        deadline: 5_000,
        budget,
        logger: SILENT,
        slots: createSlots(LIMITS.reviews),
        shares: createShares(LIMITS),
        peers: createShares(LIMITS),
        onTurnedAway: (why) => assert.fail(why),
        closing: () => false,
      },
      ({ uid, object }) => {
        judged.push(JSON.stringify(object).includes("a.b/small") ? "small" : "large");
        return allowed(uid);
      },
    );
    // Whole at once: what is asked here is when it is judged, not how it comes.
    post = (body) => {
      const bytes = Buffer.from(body);
      const asked = Object.assign(new EventEmitter(), {
        method: "POST",
        url: "/validate",
        headers: { "content-type": "application/json", "content-length": String(bytes.length) },
        socket: { remoteAddress: "127.0.0.1" },
      });
      const response = { destroyed: false, socket: asked.socket, writeHead: () => undefined, end: () => undefined };
      // As far as the endpoint looks at them.
      answer(asked as unknown as IncomingMessage, response as unknown as ServerResponse);
      for (const [event, value] of [["data", bytes], ["end"], ["close"]] as const) asked.emit(event, value);
      return response;
    };
  });

  it("judges each large review in a turn of the event loop of its own, and small ones as they come", async () => {
    for (const body of [LARGE, LARGE, SMALL, LARGE, SMALL]) post(body);
    const seen: string[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      seen.push(judged.join(" "));
      judged = [];
      await turn();
    }
    assert.deepEqual(seen, ["small small", "large", "large", "large"]);
    assert.ok(budget.take(LIMITS.bytes), "their bytes are given back");
  });

  it("judges nothing for a sender that went away while it waited", async () => {
    const [, gone] = [post(LARGE), post(LARGE)];
    gone.destroyed = true;
    for (let nth = 0; nth < 4; nth += 1) await turn();
    assert.deepEqual(judged, ["large"]);
    assert.ok(budget.take(LIMITS.bytes), "its bytes are given back");
  });
});
