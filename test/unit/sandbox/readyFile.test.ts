import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimFolder, releaseFolder, removeReady, writeReady } from "../../../sandbox/readyFile.ts";

describe("the folder of a sandbox", () => {
  let folder: string;
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "ready-file-")), ".sandbox");
  });
  afterEach(() => rm(join(folder, ".."), { recursive: true }));

  const info = {
    kubeconfig: "/somewhere/.sandbox/kubeconfig",
    registry: "127.0.0.1:5001",
    metrics: "http://127.0.0.1:8080/metrics",
    webhook: "https://127.0.0.1:9443",
    pid: process.pid,
  };

  it("says where everything is, in exactly these words", async () => {
    await claimFolder(folder);
    await writeReady(folder, info);
    assert.deepEqual(JSON.parse(await readFile(join(folder, "ready.json"), "utf8")), info);
    assert.deepEqual((await readdir(folder)).sort(), ["pid", "ready.json"], "nothing staged is left");
  });

  it("has no ready.json before its sandbox is ready: not the one of a sandbox that died either", async () => {
    await claimFolder(folder);
    await writeReady(folder, info);
    const { pid } = spawnSync(process.execPath, ["--version"]);
    await writeFile(join(folder, "pid"), String(pid));
    await claimFolder(folder);
    assert.ok(!existsSync(join(folder, "ready.json")));
    assert.equal((await readFile(join(folder, "pid"), "utf8")).trim(), String(process.pid));
  });

  for (const [whose, pid] of [
    ["this one's", process.pid],
    ["somebody else's", 1],
  ] as const) {
    it(`is refused while another sandbox runs in it: ${whose}`, async () => {
      await claimFolder(folder);
      await writeFile(join(folder, "pid"), String(pid));
      await assert.rejects(claimFolder(folder), new RegExp(`process ${pid}.*end it first, or remove .*pid`));
    });
  }

  it("is free after its sandbox", async () => {
    await claimFolder(folder);
    await writeReady(folder, info);
    await removeReady(folder);
    assert.deepEqual(await readdir(folder), ["pid"]);
    await releaseFolder(folder);
    assert.deepEqual(await readdir(folder), []);
    await claimFolder(folder);
  });
});
