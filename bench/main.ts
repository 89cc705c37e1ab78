/**
 * `npm run bench [row [number ...] ...]`: the rows of design.md section 8, each `bench/<row>.ts` in a process of its own, so that one row's
 * memory and warm code do not help or hurt another's. Numbers behind a row are its arguments; without rows all are run but the soak.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob } from "node:fs/promises";
import { basename, join } from "node:path";

const files = await Array.fromAsync(glob("*.ts", { cwd: import.meta.dirname }));
const rows = files.map((file) => basename(file, ".ts")).filter((name) => name !== "main");
/** Each row with its numbers. */
const wanted: { readonly row: string; readonly numbers: string[] }[] = [];
for (const argument of process.argv.slice(2)) {
  if (/^\d+$/.test(argument)) {
    const last = wanted.at(-1);
    if (last === undefined) throw new Error(`${argument} stands before any row`);
    last.numbers.push(argument);
  } else if (rows.includes(argument)) wanted.push({ row: argument, numbers: [] });
  else throw new Error(`there is no row ${argument}; there are ${rows.toSorted().join(", ")}`);
}
if (wanted.length === 0) for (const row of rows.toSorted()) if (row !== "soak") wanted.push({ row, numbers: [] });

for (const { row, numbers } of wanted) {
  console.log(`\n${row}`);
  const child = spawn(process.execPath, [join(import.meta.dirname, `${row}.ts`), ...numbers], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) process.exitCode = 1;
}
