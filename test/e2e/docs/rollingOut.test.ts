import assert from "node:assert/strict";
import { chmod, symlink } from "node:fs/promises";
import { join } from "node:path";
import { clusterTimeout, startCluster } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { SandboxProcess } from "../sandbox/sandboxProcess.ts";
import { commandsOf, fileOf, type Command } from "./blocks.ts";
import { isScript, read, ROOT } from "./plan.ts";
import { isSameOutput, shownOutput } from "./sameOutput.ts";
import { Shell } from "./shell.ts";

const PAGE = "docs/rolling-out.md";

describe("docs/rolling-out.md, followed from its beginning to its end", function () {
  // Some forty commands, one after the other.
  this.timeout(480_000);
  let sandbox: SandboxProcess;
  let shell: Shell;
  let commands: readonly Command[];

  before(async function () {
    this.timeout(clusterTimeout);
    sandbox = await SandboxProcess.run("--empty");
    const { kubeconfig, registry } = await sandbox.ready();
    shell = await Shell.open((await startCluster()).kubectlPath, { KUBECONFIG: kubeconfig });
    await symlink(join(sandbox.folder, ".sandbox"), join(shell.folder, ".sandbox"));
    // What npm puts on PATH.
    await shell.keep("bin/image-security", `#!/bin/sh\nexec node "${ROOT}/cli/main.ts" "$@"\n`);
    await chmod(join(shell.folder, "bin/image-security"), 0o755);
    const blocks = await read(PAGE);
    for (const block of blocks) {
      const name = fileOf(block);
      if (name !== undefined) await shell.keep(name, `${block.lines.join("\n")}\n`);
    }
    commands = blocks
      .filter(isScript)
      .flatMap(commandsOf)
      .map((one) => ({ ...one, command: one.command.replace("127.0.0.1:5001", registry) }));
  });
  after(async () => {
    await shell?.close();
    await sandbox?.dispose();
  });

  it("prints what the page says, command by command", async () => {
    assert.ok(commands.length > 20, `${commands.length} commands`);
    for (const { command, output = "", line } of commands) {
      const once = async (): Promise<void> => {
        const run = await shell.run(command);
        assert.ok(
          isSameOutput(output, run.output),
          `line ${line}: ${command}\nsays:\n${shownOutput(output)}\nprinted:\n${shownOutput(run.output)}`,
        );
      };
      // What only reads may need a moment until it is so, and so may a policy until it is in force.
      if (/^(kubectl (get|wait)|image-security audit)\b/.test(command))
        await eventually(once, { within: 30_000, every: 500 });
      else await once();
    }
  });
});
