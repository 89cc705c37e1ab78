import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What other programs need to know about a sandbox that is up; the contents of `.sandbox/ready.json`. */
export interface ReadyInfo {
  /** Absolute path. */
  readonly kubeconfig: string;
  /** Host and port. */
  readonly registry: string;
  /** The whole URL. */
  readonly metrics: string;
  /** The base URL. */
  readonly webhook: string;
  readonly pid: number;
}

/** The files in a sandbox's folder that stand for one that runs. */
export const filesOfRunning = (folder: string): readonly string[] => [
  join(folder, "ready.json"),
  join(folder, "pid"),
  webhookClientCaFile(folder),
  ...releaseKeyFiles(folder),
];

/** The private and the public key of the samples' release pipeline. */
export const releaseKeyFiles = (folder: string): readonly [secret: string, open: string] => [
  join(folder, "release.key"),
  join(folder, "release.pub"),
];

/** The authority by which the operator knows the sandbox's API server. */
export const webhookClientCaFile = (folder: string): string => join(folder, "webhook-client-ca.crt");

/** Takes the folder for this process. Rejects where another sandbox that runs has it; what a dead one left is removed. */
export const claimFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [ready = "", owner = ""] = filesOfRunning(folder);
  await removeDead(owner);
  await writeFile(owner, `${process.pid}\n`, { flag: "wx" });
  await rm(ready, { force: true });
};

/** Writes `ready.json` in one step: who waits for the file never reads half of it. */
export const writeReady = async (folder: string, info: ReadyInfo): Promise<void> => {
  const staged = join(folder, `.ready.${process.pid}`);
  await writeFile(staged, `${JSON.stringify(info, undefined, 2)}\n`);
  await rename(staged, join(folder, "ready.json"));
};

/** The sandbox is still there, but not for new users. */
export const removeReady = (folder: string): Promise<void> => rm(join(folder, "ready.json"), { force: true });

/** Gives the folder back. */
export const releaseFolder = async (folder: string): Promise<void> => {
  for (const file of filesOfRunning(folder)) await rm(file, { force: true });
};

const removeDead = async (owner: string): Promise<void> => {
  const pid = Number(await readFile(owner, "utf8").catch(() => "0"));
  if (pid > 0 && isAlive(pid)) {
    throw new Error(
      `a sandbox runs here already (process ${pid}): end it first, or remove ${owner} if that is no sandbox`,
    );
  }
  await rm(owner, { force: true });
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, but somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
};
