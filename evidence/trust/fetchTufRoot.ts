import { initTUF } from "@sigstore/tuf";
import { createHash, randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checkTrustRoot } from "../../policy/compile/trustRoot.ts";

/** One TUF repository. Without `root` the one that @sigstore/tuf carries for this mirror. */
export interface TufRepository {
  readonly mirror: string;
  readonly root?: string;
}

/** A request for one of TUF's files ends after so many milliseconds. */
const TIMEOUT = 5_000;

/**
 * Fetches `trusted_root.json` by TUF: `fromCache` asks the mirror only where what is kept on disk does not hold any more.
 * Rejects where there is none: the mirror cannot be reached, its metadata has expired, a signature is missing.
 */
export const fetchTufRoot = async (
  { mirror, root }: TufRepository,
  cacheDirectory: string,
  fromCache: boolean,
): Promise<string> => {
  // A cached root.json beats a new rootPath, so each root has a cache of its own.
  const name = createHash("sha256")
    .update(JSON.stringify([mirror, root ?? null]))
    .digest("hex")
    .slice(0, 32);
  const cachePath = join(cacheDirectory, name);
  await mkdir(cachePath, { recursive: true });
  const rootPath = root === undefined ? undefined : await keep(join(cachePath, "initial-root.json"), root);
  const client = await initTUF({
    mirrorURL: mirror,
    cachePath,
    ...(rootPath === undefined ? {} : { rootPath }),
    retry: { retries: 0 },
    timeout: TIMEOUT,
    forceCache: fromCache,
  });
  const text = await client.getTarget("trusted_root.json");
  const wrong = checkTrustRoot(text, {
    certificateAuthorities: false,
    transparencyLogs: false,
    timestampAuthorities: false,
  });
  if (wrong !== undefined) throw new Error(`trusted_root.json ${wrong}`);
  return text;
};

const keep = async (path: string, text: string): Promise<string> => {
  // Renamed into place: nobody else must read half a file.
  const partial = `${path}.${randomUUID()}`;
  await writeFile(partial, text);
  await rename(partial, path);
  return path;
};
