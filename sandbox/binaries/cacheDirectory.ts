import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** What is ours of the user's cache, which survives a run: `$XDG_CACHE_HOME` or `~/.cache`, and in it `image-security`. */
export const userCache = (env: NodeJS.ProcessEnv = process.env): string => {
  const base = env["XDG_CACHE_HOME"];
  // The XDG specification: a relative path is invalid and must be ignored.
  const root = base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache");
  return join(root, "image-security");
};

/** Where control planes are kept between runs. */
export const cacheDirectory = (env?: NodeJS.ProcessEnv): string => join(userCache(env), "controlplane");
