import assert from "node:assert/strict";
import { mkdtemp, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withFileLock } from "../../../sandbox/binaries/fileLock.ts";

describe("a lock between processes", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "file-lock-"));
    path = join(folder, "below", "lock");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("lets one in at a time", async () => {
    let inside = 0;
    const work = async (): Promise<number> => {
      inside++;
      await sleep(20);
      return inside--;
    };
    const most = await Promise.all(Array.from({ length: 4 }, () => withFileLock(path, work, { staleAfter: 1000 })));
    assert.deepEqual(most, [1, 1, 1, 1]);
  });

  it("is free again after a failure", async () => {
    const failing = withFileLock(path, () => Promise.reject(new Error("broken")));
    await assert.rejects(failing, /broken/);
    assert.equal(await withFileLock(path, async () => "in"), "in");
  });

  it("is taken over from a holder that died", async () => {
    await withFileLock(path, async () => undefined);
    await writeFile(path, "somebody");
    const anHourAgo = new Date(Date.now() - 3_600_000);
    await utimes(path, anHourAgo, anHourAgo);
    let waited = 0;
    assert.equal(await withFileLock(path, async () => "in", { onWait: () => waited++ }), "in");
    assert.equal(waited, 1);
    await assert.rejects(stat(path), "the lock is gone after the work");
  });

  it("is kept by a holder that works for longer than a dead one is waited for", async () => {
    const order: string[] = [];
    const first = withFileLock(
      path,
      async () => {
        await sleep(700);
        order.push("first");
      },
      { staleAfter: 200 },
    );
    await sleep(20);
    await withFileLock(path, async () => void order.push("second"), { staleAfter: 200 });
    await first;
    assert.deepEqual(order, ["first", "second"]);
  });

  it("can be given up waiting for", async () => {
    const signal = AbortSignal.timeout(50);
    await withFileLock(path, () =>
      assert.rejects(
        withFileLock(path, async () => undefined, { signal }),
        { name: "AbortError" },
      ),
    );
  });
});
