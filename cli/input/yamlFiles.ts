import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { UsageError } from "../exitCode.ts";

/** A file, or standard input as `-`. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Folders that hold no manifests of one's own. */
const PASSED_OVER: ReadonlySet<string> = new Set(["node_modules", ".git"]);
const EXTENSIONS: ReadonlySet<string> = new Set([".yaml", ".yml", ".json"]);
/** The names that kustomize looks for. */
const KUSTOMIZATIONS: ReadonlySet<string> = new Set(["kustomization.yaml", "kustomization.yml", "Kustomization"]);

export const isKustomization = (path: string): boolean => KUSTOMIZATIONS.has(basename(path));

/**
 * The files that are named, and every YAML or JSON file below the folders that are named, in the order of their names. Throws UsageError
 * for what is not there or is no UTF-8 text.
 */
export const readFiles = async (paths: readonly string[]): Promise<readonly TextFile[]> => {
  const files: TextFile[] = [];
  for (const path of paths)
    if (path === "-") files.push({ path, text: decode("standard input", await buffer(process.stdin)) });
    else for (const file of await filesAt(path)) files.push({ path: file, text: decode(file, await readFile(file)) });
  return files;
};

const filesAt = async (path: string): Promise<readonly string[]> => {
  const found = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      throw new UsageError(`${path}: there is no such file or folder`);
    throw new UsageError(`${path}: cannot be read`, { cause: error });
  });
  return found.isDirectory() ? below(path) : [path];
};

const below = async (folder: string): Promise<readonly string[]> => {
  const entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found = await Promise.all(
    entries.map(async (entry): Promise<readonly string[]> => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return PASSED_OVER.has(entry.name) ? [] : below(path);
      const isWanted = EXTENSIONS.has(extname(entry.name)) || isKustomization(path);
      return isWanted && (entry.isFile() || (entry.isSymbolicLink() && (await leadsToFile(path)))) ? [path] : [];
    }),
  );
  return found.flat();
};

/** kubectl reads links to files in a folder, and follows none to a folder. One that leads nowhere hides nothing from it. */
const leadsToFile = async (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

const decode = (name: string, bytes: Uint8Array): string => {
  try {
    // A byte order mark stays, so that what is written back is what was read.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(`${name}: is no UTF-8 text`, { cause: error });
  }
};
