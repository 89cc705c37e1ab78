/**
 * `npm run bench [row ...]`: the rows of design.md section 8, each `bench/<row>.ts` in a process of its own, so that one row's
 * memory and warm code do not help or hurt another's.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob } from "node:fs/promises";
import { basename, join } from "node:path";

const files = await Array.fromAsync(glob("*.ts", { cwd: import.meta.dirname }));
const rows = files.map((file) => basename(file, ".ts")).filter((name) => name !== "main");
const wanted = process.argv.length > 2 ? process.argv.slice(2) : rows.toSorted();

for (const row of wanted) {
  if (!rows.includes(row)) throw new Error(`there is no row ${row}; there are ${rows.toSorted().join(", ")}`);
  console.log(`\n${row}`);
  const child = spawn(process.execPath, [join(import.meta.dirname, `${row}.ts`)], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) process.exitCode = 1;
}
