import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** What readers find where they stand: a clone of the repository. */
const IN_A_CLONE = ["config", "crds", "docs"];

/** A folder that looks like a clone, and a shell in it in which commands follow each other. */
export class Shell {
  readonly folder: string;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #exports: string[] = [];

  private constructor(folder: string, environment: Readonly<Record<string, string | undefined>>) {
    this.folder = folder;
    this.#environment = environment;
  }

  static async open(kubectl: string, environment: Readonly<Record<string, string>>): Promise<Shell> {
    const folder = await mkdtemp(join(tmpdir(), "image-security-docs-"));
    for (const name of IN_A_CLONE) await symlink(join(ROOT, name), join(folder, name));
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "bin", "kubectl"), kubectlScript(kubectl), { mode: 0o755 });
    const path = [join(folder, "bin"), dirname(process.execPath), process.env["PATH"]].join(delimiter);
    return new Shell(folder, { PATH: path, HOME: folder, ...environment });
  }

  /** Keeps a file that a text shows. */
  async keep(name: string, content: string): Promise<void> {
    const file = join(this.folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  /** Runs a command as bash does; both outputs in one, as a terminal shows them. An export holds for those that follow. */
  async run(command: string): Promise<{ readonly code: number | null; readonly output: string }> {
    const child = spawn("bash", ["-c", [...this.#exports, `{ ${command}\n} 2>&1`].join("\n")], {
      cwd: this.folder,
      env: this.#environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = Promise.withResolvers<number | null>();
    child.once("close", ended.resolve).once("error", ended.reject);
    const output = await text(child.stdout);
    if (command.startsWith("export ")) this.#exports.push(command);
    return { code: await ended.promise, output };
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** No controller finishes a namespace here: whoever deletes one would wait for ever. */
const kubectlScript = (kubectl: string): string => `#!/bin/sh
if [ "$1" = delete ]; then shift; exec "${kubectl}" delete --wait=false "$@"; fi
exec "${kubectl}" "$@"
`;
