import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let directory: string | undefined;
let count = 0;

/** A file with this text, and its path; all of them go with the process. */
export function temporaryFile(text: string): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), "evidence-registry-"));
    directory = made;
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  count += 1;
  const path = join(directory, `file-${count}`);
  writeFileSync(path, text);
  return path;
}
