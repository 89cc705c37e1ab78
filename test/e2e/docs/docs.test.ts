import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import type { RunningOperator } from "../../../operator/run.ts";
import { install } from "../config/installed.ts";
import { clusterTimeout, startCluster, startOwnCluster, type Cluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { SandboxProcess } from "../sandbox/sandboxProcess.ts";
import { commandsOf, fileOf, type Block, type Command } from "./blocks.ts";
import { begins, isScript, PLAN, read } from "./plan.ts";
import { Shell } from "./shell.ts";
import { isSameOutput, shownOutput } from "./sameOutput.ts";

describe("the commands of README and docs", () => {
  /** Runs one block: every command ends well, or prints what the text says. What only reads may need a moment until it is so. */
  const follow = async (shell: Shell, block: Block, after: (command: string) => Promise<void>): Promise<void> => {
    for (const command of commandsOf(block)) {
      const once = (): Promise<void> => check(shell, command);
      if (/^kubectl (get|wait)\b/.test(command.command)) await eventually(once, { within: 30_000, every: 300 });
      else await once();
      await after(command.command);
    }
  };

  const check = async (shell: Shell, { command, output, line }: Command): Promise<void> => {
    const run = await shell.run(command);
    const where = `line ${line}: ${command}`;
    if (output === undefined) assert.equal(run.code, 0, `${where}\n${run.output}`);
    else
      assert.ok(
        isSameOutput(output, run.output),
        `${where}\nsays:\n${shownOutput(output)}\nprinted:\n${shownOutput(run.output)}`,
      );
  };

  const keepFiles = async (shell: Shell): Promise<void> => {
    for (const block of await read("README.md")) {
      const name = fileOf(block);
      if (name !== undefined) await shell.keep(name, block.lines.join("\n"));
    }
  };

  const blocksRun = (
    how: "sandbox" | "installed",
    shell: () => Shell,
    after: (command: string) => Promise<void>,
  ): void => {
    for (const [file, first] of PLAN.filter((entry) => entry[2] === how))
      it(`${file}: ${first}`, async () => {
        const block = (await read(file)).find((one) => isScript(one) && begins(one, first));
        assert.ok(block !== undefined);
        await follow(shell(), block, after);
      });
  };

  describe("in the sandbox", function () {
    this.timeout(120_000);
    let sandbox: SandboxProcess;
    let shell: Shell;

    before(async function () {
      this.timeout(clusterTimeout);
      sandbox = await SandboxProcess.run();
      await sandbox.ready();
      shell = await Shell.open((await startCluster()).kubectlPath, {});
      await symlink(join(sandbox.folder, ".sandbox"), join(shell.folder, ".sandbox"));
      await keepFiles(shell);
      await shell.keep("cosign.pub", PUBLIC_KEY);
    });
    after(async () => {
      await shell?.close();
      await sandbox?.dispose();
    });

    blocksRun(
      "sandbox",
      () => shell,
      async () => undefined,
    );
  });

  describe("where it is installed", function () {
    this.timeout(120_000);
    let cluster: Cluster;
    let shell: Shell;
    let operator: RunningOperator | undefined;

    before(async function () {
      this.timeout(clusterTimeout);
      cluster = await startOwnCluster();
      shell = await Shell.open(cluster.kubectlPath, { KUBECONFIG: cluster.kubeconfig });
      await keepFiles(shell);
    });
    after(async () => {
      await operator?.stop();
      await shell?.close();
      await cluster?.stop();
    });

    // What controllers and nodes do elsewhere.
    const stand = async (command: string): Promise<void> => {
      if (/^kubectl apply -k (deploy|config\/default)/.test(command))
        operator ??= await (await install(cluster)).start([]);
      if (!command.startsWith("kubectl scale ")) return;
      await operator?.stop();
      operator = undefined;
    };
    blocksRun("installed", () => shell, stand);
  });
});

/** Any public key. */
const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt
6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----
`;
