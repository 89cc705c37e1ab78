import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of a program, if PATH has it: `.ci/tools` brings those of others that tests run. */
export const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
