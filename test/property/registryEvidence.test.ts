import assert from "node:assert/strict";
import * as fc from "fast-check";
import { makeImage, makeIndex } from "../../sandbox/registry/images.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry } from "../../sandbox/registry/server.ts";
import { engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";

const [amd64, arm64] = ["amd64", "arm64"].map((architecture) => makeImage({ platform: { os: "linux", architecture } }));
const single = makeImage({ labels: { single: "yes" } });
const images = [single, ...(amd64 === undefined || arm64 === undefined ? [] : [makeIndex([amd64, arm64]), amd64])];
const TAGS = ["v1", "v2"];
const policies = [
  policy({ digest: { verify: true, required: false, tagDrift: "Deny" } }, "strict"),
  policy({ digest: { verify: true, required: false, tagDrift: "Report" }, onUnavailable: "allow" }, "lenient"),
];

type Step =
  | { readonly type: "push" | "delete" | "spoil" | "ask"; readonly image: number; readonly tag: number }
  | { readonly type: "outage" | "heal"; readonly image: number; readonly tag: number };

const steps = fc.array(
  fc.record({
    type: fc.constantFrom<Step["type"]>("push", "push", "delete", "spoil", "ask", "ask", "outage", "heal"),
    image: fc.nat(images.length - 1),
    tag: fc.nat(TAGS.length - 1),
  }),
  { minLength: 1, maxLength: 8 },
);

describe("evidence of registries", () => {
  it("whatever happened before: after its time, a warm cache answers what a cold one answers", async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(steps, fc.nat(images.length - 1), fc.nat(TAGS.length - 1), async (history, asked, tagged) => {
        await using place = await startRegistry();
        await using warm = engine();
        const heals: (() => void)[] = [];
        const subjects = (image: number, tag: number): readonly ReturnType<typeof pod>[] => {
          const [digest, name] = [images[image]?.digest, TAGS[tag]];
          return [`@${digest}`, `:${name}@${digest}`, `:${name}`].map((rest) =>
            pod(`${place.host}/team/app${rest}`, { imageID: `x@${digest}` }),
          );
        };
        const judge = async (own: ReturnType<typeof engine>, image: number, tag: number): Promise<readonly string[]> =>
          Promise.all(
            subjects(image, tag).flatMap((subject) =>
              (["admission", "audit"] as const).map(async (mode) => own.say(policies, subject, { mode })),
            ),
          );
        for (const { type, image, tag } of history) {
          const one = images[image] ?? single;
          if (type === "push") addToStore(place.store, "team/app", one, TAGS[tag] ?? "v1");
          if (type === "delete") place.store.deleteManifest("team/app", one.digest);
          if (type === "spoil")
            place.store.putManifest("team/app", {
              bytes: Buffer.from("{}"),
              mediaType: one.mediaType,
              digest: one.digest,
            });
          if (type === "outage") heals.push(place.misbehave({ as: status(403) }));
          if (type === "heal") for (const heal of heals.splice(0)) heal();
          if (type === "ask") await judge(warm, image, tag);
        }
        for (const heal of heals) heal();
        // Content never changes under its digest, so what was read well once is only confirmed: spoilt bytes are for those who read them.
        const spoilt = history.some(({ type }) => type === "spoil");
        warm.tick(700_000);
        await using cold = engine();
        const [before, after] = [await judge(warm, asked, tagged), await judge(cold, asked, tagged)];
        if (!spoilt) assert.deepEqual(before, after);
        assert.deepEqual(warm.defects, []);
      }),
      { numRuns: 30 },
    );
  });

  it("an outage never turns a refusal into a pass, nor loosens under onUnavailable: deny", async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(images.length - 1),
        fc.boolean(),
        fc.constantFrom(403, 404, 400),
        async (image, there, code) => {
          await using place = await startRegistry();
          await using own = engine();
          const one = images[image] ?? single;
          if (there) addToStore(place.store, "team/app", one, "v1");
          const subject = pod(`${place.host}/team/app:v1@${one.digest}`);
          const [strict] = policies;
          assert.ok(strict);
          const first = await own.judge([strict], subject);
          assert.equal(first.verdict, there ? "allow" : "deny");
          place.misbehave({ as: status(code) });
          own.tick(700_000);
          assert.equal((await own.judge([strict], subject)).verdict, "deny");
        },
      ),
      { numRuns: 20 },
    );
  });
});
