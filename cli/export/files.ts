import { access, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { UsageError } from "../exitCode.ts";
import { HEADER } from "./staticManifests.ts";

/** What is different in a folder from the files that should be in it, a line each. */
export const compareFiles = async (
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<readonly string[]> => {
  const found = await ownFiles(directory);
  const names = [...new Set([...files.keys(), ...found.keys()])].toSorted();
  return names.flatMap((name) => {
    const [wanted, written] = [files.get(name), found.get(name)];
    if (wanted === written) return [];
    return [
      `${join(directory, name)} ${wanted === undefined ? "should not be there" : written === undefined ? "is missing" : "is another"}`,
    ];
  });
};

/**
 * Writes what differs, each file whole or not at all, and takes away those of ours that are no longer wanted. API
 * servers read a folder again when it changes. Gives a line for each change.
 */
export const writeFiles = async (directory: string, files: ReadonlyMap<string, string>): Promise<readonly string[]> => {
  await mkdir(directory, { recursive: true });
  const found = await ownFiles(directory);
  const lines: string[] = [];
  for (const [name, content] of files) {
    if (found.get(name) === content) continue;
    if (!found.has(name) && (await isThere(join(directory, name))))
      throw new UsageError(`${join(directory, name)} is not one of ours; move it away`);
    await writeWhole(directory, name, content);
    lines.push(`${join(directory, name)} is written`);
  }
  for (const name of found.keys()) {
    if (files.has(name)) continue;
    await rm(join(directory, name));
    lines.push(`${join(directory, name)} is removed`);
  }
  return lines.length === 0 ? ["everything is as it should be"] : lines;
};

/** Those that begin with our line. */
const ownFiles = async (directory: string): Promise<ReadonlyMap<string, string>> => {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw new UsageError(`${directory} cannot be read`, { cause: error });
  });
  const own = new Map<string, string>();
  for (const name of names) {
    if (!name.endsWith(".yaml")) continue;
    const text = await readFile(join(directory, name), "utf8");
    if (text.startsWith(HEADER)) own.set(name, text);
  }
  return own;
};

/** An API server passes over names with another ending. */
const writeWhole = async (directory: string, name: string, content: string): Promise<void> => {
  const unfinished = join(directory, `.${name}.${process.pid}`);
  try {
    const file = await open(unfinished, "wx", 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, join(directory, name));
  } finally {
    await rm(unfinished, { force: true });
  }
};

const isThere = async (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: unknown) => {
      if (isAbsent(error)) return false;
      throw error;
    },
  );

const isAbsent = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
