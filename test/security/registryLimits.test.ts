import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { CachedRepository } from "../../evidence/registry/cache/cachedRepository.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { openReaders, type Readers } from "../unit/evidence/registry/support/readers.ts";
import { type Hostile, startHostile, watch, type Watched } from "./support/hostile.ts";

const image = makeImage();
const MiB = 1024 * 1024;
/**
 * Milliseconds of CPU in one turn by which work that grows with what a stranger sends is told from garbage collection, which is this
 * process's own and counts as well. The figure that the design names, 50 ms, is measured by the bench's row "worst object".
 */
const TURN = 500;

interface Attack<T> extends Watched<T> {
  readonly took: number;
  readonly readers: Readers;
}

let hostile: Hostile;
before(async function () {
  this.timeout(30_000);
  hostile = await startHostile();
});
after(async () => hostile[Symbol.asyncDispose]());

/** One attack on one repository, with this deadline. */
async function attack<T>(
  behaviour: string,
  deadline: number,
  ask: (app: CachedRepository, signal: AbortSignal) => Promise<T>,
): Promise<Attack<T>> {
  const readers = openReaders();
  const app = readers.open(`${hostile.host}/${behaviour}/app`);
  const started = performance.now();
  const watched = await watch(async () => ask(app, AbortSignal.timeout(deadline)));
  const took = performance.now() - started;
  await readers[Symbol.asyncDispose]();
  return { ...watched, took, readers };
}

const blobDigest = (nth: number): string => `sha256:${createHash("sha256").update(`blob ${nth}`).digest("hex")}`;

/** Slack for a machine that does other things as well. */
const within = (took: number, deadline: number): void =>
  assert.ok(took < deadline + 500, `took ${Math.round(took)} ms of ${deadline}`);

describe("an endless or slow registry (CVE-2023-46737, CVE-2024-29902)", function () {
  this.timeout(60_000);
  it("a body without end is given up at its limit, by tag and by digest, as a manifest and as a blob", async () => {
    for (const ask of [
      async (app: CachedRepository, signal: AbortSignal) => app.resolveTag("v1", signal),
      async (app: CachedRepository, signal: AbortSignal) => app.manifest(image.digest, signal),
      async (app: CachedRepository, signal: AbortSignal) => app.blob(image.configDigest, 10 * MiB, signal),
      async (app: CachedRepository, signal: AbortSignal) => app.manifestByTag("v1", signal),
    ]) {
      const { result, longestTurn, memory } = await attack("endless", 8_000, async (app, signal) => ask(app, signal));
      assert.equal(result.status, "invalid");
      assert.ok(longestTurn < TURN, `${longestTurn} ms`);
      assert.ok(memory < 100 * MiB, `${memory / MiB} MiB`);
    }
  });

  it("many such bodies at once stay within bounds", async () => {
    const { result, longestTurn, memory } = await attack("endless", 9_000, async (app, signal) =>
      Promise.all(Array.from({ length: 60 }, async (_, nth) => app.blob(blobDigest(nth), 10 * MiB, signal))),
    );
    assert.ok(result.every(({ status }) => status !== "verified"));
    assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    assert.ok(memory < 250 * MiB, `${memory / MiB} MiB`);
  });

  for (const behaviour of ["drip", "stall", "stall-after"]) {
    it(`${behaviour}: the deadline ends it, as unavailable`, async () => {
      const { result, took, longestTurn } = await attack(behaviour, 300, async (app, signal) =>
        Promise.all([
          app.resolveTag("v1", signal),
          app.manifest(image.digest, signal),
          app.blob(image.configDigest, 10_000, signal),
        ]),
      );
      within(took, 300);
      for (const outcome of result)
        assert.ok(outcome.status === "unavailable" && outcome.cause === "timeout", outcome.status);
      assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    });
  }

  it("Retry-After is waited for inside the deadline, and the cause is told after it", async () => {
    const { result, took } = await attack("slow-down", 500, async (app, signal) => app.resolveTag("v1", signal));
    within(took, 500);
    assert.ok(result.status === "unavailable" && result.cause === "rateLimited");
  });

  it("a gzip bomb is refused, not unpacked", async () => {
    const { result, longestTurn, memory } = await attack("gzip-bomb", 9_000, async (app, signal) =>
      app.resolveTag("v1", signal),
    );
    assert.ok(result.status === "invalid");
    assert.match(result.message, /compressed/);
    assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    assert.ok(memory < 100 * MiB, `${memory / MiB} MiB`);
  });

  it("headers without end are refused", async () => {
    const { result } = await attack("headers", 5_000, async (app, signal) => app.resolveTag("v1", signal));
    assert.equal(result.status, "invalid");
  });

  it("a manifest over 4 MiB is malformed", async () => {
    const { result } = await attack("honest", 5_000, async (app, signal) => app.resolveTag("huge", signal));
    assert.ok(result.status === "invalid" && result.reason === "ImageMalformed");
  });
});

describe("JSON that is made to be slow (CVE-2023-42815, CVE-2024-45395)", () => {
  for (const document of ["lists", "objects", "keys", "shapes", "strings", "numbers", "deep"]) {
    it(`4 MiB of ${document} are refused and hold nobody up`, async () => {
      const { result, longestTurn } = await attack("honest", 9_000, async (app, signal) =>
        app.resolveTag(document, signal),
      );
      assert.equal(result.status, "invalid");
      assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    });
  }
  for (const document of ["escapes", "layers"]) {
    it(`4 MiB of ${document} are read and hold nobody up`, async () => {
      const { result, longestTurn } = await attack("honest", 9_000, async (app, signal) =>
        app.resolveTag(document, signal),
      );
      assert.equal(result.status, "verified");
      assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    });
  }
});

describe("referrers without end", () => {
  const count = async (app: CachedRepository, signal: AbortSignal): Promise<Record<string, number>> => {
    const seen: Record<string, number> = { verified: 0, invalid: 0, unavailable: 0, absent: 0 };
    for await (const page of app.referrers(image.digest, signal)) {
      seen[page.status] = (seen[page.status] ?? 0) + (page.status === "verified" ? page.value.length : 1);
    }
    return seen;
  };

  it("10,000 are listed", async () => {
    const { result, longestTurn } = await attack("many-referrers", 9_000, count);
    assert.equal(result["verified"], 10_000);
    assert.ok(longestTurn < TURN, `${longestTurn} ms`);
  });

  it("pages without end stop at their limit, or at the deadline", async () => {
    const { result, took, longestTurn, memory } = await attack("tiny-pages", 9_000, count);
    within(took, 9_000);
    assert.ok((result["invalid"] ?? 0) + (result["unavailable"] ?? 0) > 0);
    assert.ok((result["verified"] ?? 0) <= 512);
    assert.ok(longestTurn < TURN, `${longestTurn} ms`);
    assert.ok(memory < 150 * MiB, `${memory / MiB} MiB`);
  }).timeout(15_000);

  it("a short deadline ends them", async () => {
    const { result, took } = await attack("endless-referrers", 300, count);
    within(took, 300);
    assert.ok((result["unavailable"] ?? 0) > 0);
  });
});
