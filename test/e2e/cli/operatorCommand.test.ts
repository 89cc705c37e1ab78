import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { clusterTimeout, startCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));

/** Runs the command; `until` ends it with SIGTERM once its output holds this text. */
const run = async (args: readonly string[], until?: string): Promise<{ code: number | null; output: string }> => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"], env: {} });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const closed = once(child, "close");
  try {
    if (until !== undefined) {
      await eventually(() => output.includes(until) || child.exitCode !== null, { within: 30_000 });
      child.kill("SIGTERM");
    }
    const [code] = (await closed) as [number | null];
    return { code, output };
  } finally {
    child.kill("SIGKILL");
  }
};

describe("image-security operator", function () {
  this.timeout(60_000);

  it("says what is wrong with its flags, and ends with 2", async () => {
    const { code, output } = await run(["operator", "--audit-intervall=5m", "--log-level=loud"]);
    assert.equal(code, 2);
    assert.match(output, /--audit-intervall.*did you mean --audit-interval\?/);
    assert.match(output, /--log-level/);
  });

  it("tells its version", async () => {
    const { code, output } = await run(["--version"]);
    assert.equal(code, 0);
    assert.match(output, /^\d+\.\d+\.\d+\n$/);
  });

  it("describes its flags", async () => {
    const { code, output } = await run(["operator", "--help", "--nonsense"]);
    assert.equal(code, 0);
    assert.match(output, /--registry-mirror <HOST=URL>/);
  });

  it("says why it cannot start, and ends with 2, as every crash does", async () => {
    const { code, output } = await run(["operator", "--kubeconfig=/no/such/file"]);
    assert.equal(code, 2);
    assert.match(output, /\/no\/such\/file/);
  });

  describe("on a cluster", () => {
    let kubeconfig: string;
    before(async function () {
      this.timeout(clusterTimeout);
      const cluster = await startCluster();
      await cluster.installCrds();
      await cluster.kubectl("create", "namespace", "image-security-system");
      ({ kubeconfig } = cluster);
    });

    it("leads, and ends cleanly on SIGTERM", async () => {
      const flags = ["--webhook-host=127.0.0.1", "--webhook-port=0", "--metrics-port=off", "--manage-webhooks=false"];
      const { code, output } = await run(
        ["operator", `--kubeconfig=${kubeconfig}`, ...flags],
        "this operator leads now",
      );
      assert.equal(code, 0, output);
      assert.match(output, /leads no longer/);
    });
  });
});
