import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface LockOptions {
  /** Told once when another process holds the lock. */
  readonly onWait?: () => void;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds after which a lock that its holder did not touch is taken over; it touches it ten times as often. */
  readonly staleAfter?: number;
}

/**
 * Runs `work` while no other process that uses the same path does. A holder that died is noticed by the age of the file, not
 * by its process id, which means nothing in another container on the same cache. The lock only saves work: after a holder
 * that slept for longer than `staleAfter` two may run at once, so what `work` leaves behind must appear by one rename.
 */
export const withFileLock = async <T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> => {
  const { onWait, signal, staleAfter = 20_000 } = options;
  const token = randomUUID();
  await mkdir(dirname(path), { recursive: true });
  let waiting = false;
  while (!(await take(path, token))) {
    if (!waiting) onWait?.();
    waiting = true;
    if (await isStale(path, staleAfter)) await rm(path, { force: true });
    else await sleep(Math.min(500, staleAfter / 4), undefined, { signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    // A lock file that somebody removed: the work goes on, at worst twice.
    utimes(path, now, now).catch(() => undefined);
  }, staleAfter / 10);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    const holder = await readFile(path, "utf8").catch(() => "");
    if (holder === token) await rm(path, { force: true });
  }
};

const take = async (path: string, token: string): Promise<boolean> => {
  try {
    await writeFile(path, token, { flag: "wx" });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
};

const isStale = async (path: string, staleAfter: number): Promise<boolean> => {
  try {
    return Date.now() - (await stat(path)).mtimeMs > staleAfter;
  } catch (error) {
    // Released in this moment: not stale, the next attempt may take it.
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
