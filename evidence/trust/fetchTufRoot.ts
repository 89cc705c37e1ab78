import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Updater } from "tuf-js";
import { checkTrustRoot, MAX_ROOT_BYTES } from "../../policy/compile/authorities/trustRoot.ts";
import type { AddressFilter } from "../registry/http/addresses.ts";
import { embeddedTufRoot } from "./embeddedRoot.ts";
import { TufFetcher } from "./tufFetcher.ts";

/** One TUF repository. Without `root` the one that @sigstore/tuf carries for Sigstore's own. */
export interface TufRepository {
  readonly mirror: string;
  readonly root?: string;
}

const TARGET = "trusted_root.json";
const TARGETS = "targets";

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
    await mkdir(cacheDirectory, { recursive: true, mode: 0o700 });
    await checkOwner(cacheDirectory);
    await mkdir(join(cache, TARGETS), { recursive: true });
    const updater = await openUpdater(root ?? embeddedTufRoot(), {
      metadataBaseUrl: mirror,
      metadataDir: cache,
      targetBaseUrl: `${mirror}/${TARGETS}`,
      targetDir: join(cache, TARGETS),
      forceCache: fromCache,
      fetcher,
    });
    const text = await readTarget(updater);
    const wrong = checkTrustRoot(text, {
      certificateAuthorities: false,
      certificateLogs: false,
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
  root: string,
  options: ConstructorParameters<typeof Updater>[0] & { readonly metadataDir: string },
): Promise<Updater> => {
  const initial = join(options.metadataDir, "root.json");
  await access(initial).catch(async () => keep(initial, root));
  try {
    return new Updater(options);
  } catch (error) {
    // The system's own errors say nothing of the content.
    if (error instanceof Error && "code" in error) throw error;
    // A root.json that a crash or a full disk left half written: the updater mends all other files, and never this one.
    await keep(initial, root);
    return new Updater(options);
  }
};

const readTarget = async (updater: Updater): Promise<string> => {
  const target = await updater.getTargetInfo(TARGET);
  if (target === undefined) throw new Error(`the repository has no ${TARGET}`);
  // Before it is downloaded: it goes through memory.
  if (target.length > MAX_ROOT_BYTES) throw new Error(`${TARGET} is larger than ${MAX_ROOT_BYTES} bytes`);
  const path = (await updater.findCachedTarget(target)) ?? (await updater.downloadTarget(target));
  return readFile(path, "utf8");
};

/** What is on disk is trusted as a beginning, and the place has a name that others on the machine can know. */
const checkOwner = async (directory: string): Promise<void> => {
  const { uid } = await stat(directory);
  if (uid !== 0 && uid !== process.getuid?.())
    throw new Error(`${directory} belongs to another user; name a folder of your own with --trust-root-cache`);
};

const keep = async (path: string, text: string): Promise<void> => {
  // Renamed into place: nobody else must read half a file.
  const partial = `${path}.${randomUUID()}`;
  await writeFile(partial, text);
  await rename(partial, path);
};
