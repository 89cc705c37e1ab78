/**
 * Mutation tests: `node test/mutation/run.ts [GROUP ...]`, all groups by default; see README.md. Works in a copy of what git knows,
 * in a folder of its own that stays for the next run.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GROUPS, type Group } from "./groups.ts";

/** Mocha 12 has no `lib/cli/run-helpers`, which Stryker's runner loads, and TypeScript 7 no API that its core asks for. */
const TOOLS = [
  "@stryker-mutator/core@10.1.1",
  "@stryker-mutator/mocha-runner@10.0.0",
  "mocha@11.7.4",
  "typescript@5.9.3",
];
const NICE = ["nice", "-n", "19"] as const;

const root = resolve(import.meta.dirname, "../..");
const workshop = join(tmpdir(), `image-security-mutation-${process.getuid?.() ?? 0}`);
const tools = join(workshop, "tools");
const copy = join(workshop, "copy");

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(GROUPS, name));
if (unknown.length > 0) throw new Error(`no group ${unknown.join(", ")}; there are ${Object.keys(GROUPS).join(", ")}`);

const install = (): void => {
  const pinned = JSON.stringify([TOOLS, readFileSync(join(root, "package-lock.json"), "utf8")]);
  const stamp = join(tools, "installed.json");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === pinned) return;
  rmSync(tools, { recursive: true, force: true });
  mkdirSync(tools, { recursive: true, mode: 0o700 });
  for (const file of ["package.json", "package-lock.json"])
    writeFileSync(join(tools, file), readFileSync(join(root, file)));
  const npm = (...args: readonly string[]): void =>
    void execFileSync("npm", [...args, "--no-audit", "--no-fund"], { cwd: tools, stdio: "inherit" });
  npm("ci");
  npm("install", "--no-save", "--legacy-peer-deps", ...TOOLS);
  writeFileSync(stamp, pinned);
};

/** What stands in the working tree, not only what is committed. */
const copySources = (): void => {
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy, { recursive: true, mode: 0o700 });
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root });
  const there = files
    .toString()
    .split("\0")
    .filter((file) => file !== "" && existsSync(join(root, file)));
  execFileSync("tar", ["-cf", join(workshop, "copy.tar"), "--null", "-T", "-"], { cwd: root, input: there.join("\0") });
  execFileSync("tar", ["-xf", join(workshop, "copy.tar")], { cwd: copy });
  // Above the copy and Stryker's sandboxes alike: it takes no link to packages over into those.
  execFileSync("ln", ["-sfn", join(tools, "node_modules"), join(workshop, "node_modules")]);
};

/** What reads sources as text finds Stryker's own functions in them. */
const OF_THE_TEXT = ["test/unit/policy/oneHand.test.ts"] as const;

const configOf = (name: string, { mutate, tests }: Group): object => ({
  testRunner: "mocha",
  plugins: ["@stryker-mutator/mocha-runner"],
  mochaOptions: { spec: globSync(tests, { cwd: copy, exclude: [...OF_THE_TEXT] }).toSorted() },
  mutate,
  coverageAnalysis: "perTest",
  concurrency: 1,
  // Constants of a module are mutated only by starting anew for each.
  ignoreStatic: true,
  // Texts are messages nearly all, and objects are put together from parts that are mutated themselves.
  mutator: { excludedMutations: ["StringLiteral", "ObjectLiteral"] },
  timeoutMS: 2_000,
  timeoutFactor: 2,
  reporters: ["json"],
  jsonReporter: { fileName: join(workshop, `${name}.json`) },
  tempDirName: join(workshop, "sandboxes"),
  tsconfigFile: "none.json",
  disableTypeChecks: false,
});

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

const tell = (name: string): void => {
  // Written by Stryker just now, in the schema of mutation-testing-report-schema.
  const { files } = JSON.parse(readFileSync(join(workshop, `${name}.json`), "utf8")) as Report;
  let [killed, lived] = [0, 0];
  for (const [file, { mutants }] of Object.entries(files)) {
    for (const { status, mutatorName, replacement = "", location } of mutants) {
      if (status === "Killed" || status === "Timeout") killed += 1;
      if (status !== "Survived" && status !== "NoCoverage") continue;
      lived += 1;
      const { line, column } = location.start;
      console.log(`${file}:${line}:${column} ${mutatorName} => ${replacement.replaceAll(/\s+/g, " ").slice(0, 100)}`);
    }
  }
  console.log(`${name}: ${lived} of ${killed + lived} mutants survive`);
};

mkdirSync(workshop, { recursive: true, mode: 0o700 });
install();
copySources();
for (const [name, group] of Object.entries(GROUPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  writeFileSync(join(copy, "stryker.conf.json"), JSON.stringify(configOf(name, group)));
  const [command, ...args] = [
    ...NICE,
    process.execPath,
    join(tools, "node_modules/.bin/stryker"),
    "run",
    "stryker.conf.json",
  ];
  const { status } = spawnSync(command, args, { cwd: copy, stdio: ["ignore", 2, "inherit"] });
  if (status !== 0) throw new Error(`Stryker ended with ${status} in group ${name}`);
  tell(name);
}
