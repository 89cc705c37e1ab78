import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A program in Go, which gets a line and answers by one. */
export interface GoProgram {
  readonly ask: (line: string) => Promise<string>;
  /** Ends it and removes its files. */
  readonly stop: () => Promise<void>;
}

/**
 * Builds the `main.go` of a folder and starts it with the paths of these files, which are written for it, after `before`. Absent where there
 * is no Go. It needs the standard library alone.
 */
export const startGoProgram = async (
  source: string,
  { before = [], files }: { readonly before?: readonly string[]; readonly files: readonly (string | Uint8Array)[] },
): Promise<GoProgram | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), "bench-go-"));
  const program = join(folder, "program");
  if (spawnSync("go", ["build", "-o", program, join(source, "main.go")]).status !== 0) {
    await rm(folder, { recursive: true });
    return undefined;
  }
  const paths = files.map((_, nth) => join(folder, `file-${nth}`));
  await Promise.all(files.map((content, nth) => writeFile(paths[nth] ?? "", content, { mode: 0o600 })));
  const child = spawn(program, [...before, ...paths], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      const { done, value } = await answers.next();
      if (done === true) throw new Error("the client has ended");
      return value;
    },
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
      await rm(folder, { recursive: true });
    },
  };
};
