import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** Where control planes are kept between runs: `$XDG_CACHE_HOME` or `~/.cache`, and in it `image-security/controlplane`. */
export const cacheDirectory = (env: NodeJS.ProcessEnv = process.env): string => {
  const base = env["XDG_CACHE_HOME"];
  // The XDG specification: a relative path is invalid and must be ignored.
  const root = base !== undefined && isAbsolute(base) ? base : join(homedir(), ".cache");
  return join(root, "image-security", "controlplane");
};
