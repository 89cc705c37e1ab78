import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Updater } from "tuf-js";
import { checkTrustRoot, MAX_ROOT_BYTES } from "../../policy/compile/trustRoot.ts";
import type { AddressFilter } from "../registry/addresses.ts";
import { embeddedTufRoot } from "./embeddedRoot.ts";
import { TufFetcher } from "./tufFetcher.ts";

/** One TUF repository. Without `root` the one that @sigstore/tuf carries for Sigstore's own. */
export interface TufRepository {
  readonly mirror: string;
  readonly root?: string;
}

const TARGET = "trusted_root.json";

/**
 * Fetches `trusted_root.json` by TUF: `fromCache` asks the mirror only where what is kept on disk does not hold any more.
 * Rejects where there is none: the mirror cannot be reached, its metadata has expired, a signature is missing.
 */
export const fetchTufRoot = async (
  { mirror, root }: TufRepository,
  cacheDirectory: string,
  fromCache: boolean,
  filter: AddressFilter,
): Promise<string> => {
  // A cached root.json beats a new initial one, so each root has a cache of its own.
  const name = createHash("sha256")
    .update(JSON.stringify([mirror, root ?? null]))
    .digest("hex")
    .slice(0, 32);
  const fetcher = new TufFetcher(mirror, filter);
  try {
    const cache = join(cacheDirectory, name);
    const open = (): Promise<Updater> => openUpdater(mirror, root ?? embeddedTufRoot(), cache, fromCache, fetcher);
    // A root.json that a crash or a full disk left half written, no renewal would mend. One that was bad from the beginning fails again.
    const updater = await open().catch(async (error: unknown) => {
      // The system's own errors say nothing of the content, which may be all that is left beside a dead mirror.
      if (error instanceof Error && "code" in error) throw error;
      await rm(cache, { recursive: true, force: true });
      return open();
    });
    const text = await readTarget(updater);
    const wrong = checkTrustRoot(text, {
      certificateAuthorities: false,
      transparencyLogs: false,
      timestampAuthorities: false,
    });
    if (wrong !== undefined) throw new Error(`${TARGET} ${wrong}`);
    return text;
  } finally {
    await fetcher.close();
  }
};

const openUpdater = async (
  mirror: string,
  root: string,
  cache: string,
  forceCache: boolean,
  fetcher: TufFetcher,
): Promise<Updater> => {
  const targetDir = join(cache, "targets");
  await mkdir(targetDir, { recursive: true });
  const path = join(cache, "root.json");
  await access(path).catch(() => keep(path, root));
  return new Updater({
    metadataBaseUrl: mirror,
    metadataDir: cache,
    targetBaseUrl: `${mirror}/targets`,
    targetDir,
    forceCache,
    fetcher,
  });
};

const readTarget = async (updater: Updater): Promise<string> => {
  const target = await updater.getTargetInfo(TARGET);
  if (target === undefined) throw new Error(`the repository has no ${TARGET}`);
  // Before it is downloaded: it goes through memory.
  if (target.length > MAX_ROOT_BYTES) throw new Error(`${TARGET} is larger than ${MAX_ROOT_BYTES} bytes`);
  const path = (await updater.findCachedTarget(target)) ?? (await updater.downloadTarget(target));
  return readFile(path, "utf8");
};

const keep = async (path: string, text: string): Promise<void> => {
  // Renamed into place: nobody else must read half a file.
  const partial = `${path}.${randomUUID()}`;
  await writeFile(partial, text);
  await rename(partial, path);
};
