/**
 * Mutation tests: `node test/mutation/run.ts [--concurrency N] [GROUP ...]`, all groups by default; see README.md. Works in a copy of what git knows,
 * in a folder of its own that stays for the next run.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { GROUPS, type Group } from "./groups.ts";

/** Mocha 12 has no `lib/cli/run-helpers`, which Stryker's runner loads, and TypeScript 7 no API that its core asks for. */
const TOOLS = [
  "@stryker-mutator/core@10.1.1",
  "@stryker-mutator/mocha-runner@10.0.0",
  "mocha@11.7.4",
  "typescript@5.9.3",
];
const SAMPLES = 300;
const NICE = ["nice", "-n", "19"] as const;

const root = resolve(import.meta.dirname, "../..");
const workshop = join(tmpdir(), `image-security-mutation-${process.getuid?.() ?? 0}`);
const tools = join(workshop, "tools");
const copy = join(workshop, "copy");

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { concurrency: { type: "string", default: "1" } },
});
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
  // A property that breaks does so within the first few samples; one that holds is run for every mutant that survives.
  for (const file of globSync("test/**/*.test.ts", { cwd: copy })) {
    const text = readFileSync(join(copy, file), "utf8");
    const less = text.replaceAll(/numRuns: [\d_]+/g, `numRuns: ${SAMPLES}`);
    if (less !== text) writeFileSync(join(copy, file), less);
  }
  // Above the copy and Stryker's sandboxes alike: it takes no link to packages over into those.
  execFileSync("ln", ["-sfn", join(tools, "node_modules"), join(workshop, "node_modules")]);
};

/** What reads sources as text finds Stryker's own functions in them. */
const OF_THE_TEXT = ["test/unit/policy/oneHand.test.ts"] as const;

/** Each pattern has to fit a file: one whose file was renamed would leave out what decides, and nobody would see it. */
const filesOf = (patterns: readonly string[]): readonly string[] =>
  patterns.flatMap((pattern) => {
    const files = globSync(pattern, { cwd: copy, exclude: [...OF_THE_TEXT, "**/*.d.ts"] });
    if (files.length === 0) throw new Error(`no file is ${pattern}; see groups.ts`);
    return files.toSorted();
  });

const configOf = (name: string, { mutate, tests, without = [], statics = false }: Group): object => ({
  testRunner: "mocha",
  plugins: ["@stryker-mutator/mocha-runner"],
  mochaOptions: {
    spec: ["test/mutation/freshCaches.ts", ...filesOf(tests)],
    ...(without.length === 0 ? {} : { grep: `/^(?!${without.join("|")})/` }),
  },
  mutate: filesOf(mutate),
  coverageAnalysis: "perTest",
  concurrency: Number(values.concurrency),
  ignoreStatic: !statics,
  // Texts are messages nearly all, and objects are put together from parts that are mutated themselves.
  mutator: { excludedMutations: ["StringLiteral", "ObjectLiteral"] },
  // Endless loops are found by counting. Time is no proof where others use the machine too: a test that waits for its turn would pass for
  // a mutant that was noticed.
  timeoutMS: 10_000,
  timeoutFactor: 2,
  reporters: ["progress-append-only", "json"],
  jsonReporter: { fileName: join(workshop, `${name}.json`) },
  tempDirName: join(workshop, "sandboxes"),
  tsconfigFile: "none.json",
  disableTypeChecks: false,
});

interface Mutant {
  readonly status: string;
  readonly statusReason?: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

/** An endless loop is found by counting; whatever else took too long is told apart, since a busy machine does the same. */
const fateOf = ({ status, statusReason = "" }: Mutant): string | undefined => {
  switch (status) {
    case "Killed":
      return "killed";
    case "Timeout":
      return statusReason.startsWith("Hit limit reached") ? "killed" : "too slow";
    case "Survived":
      return "survives";
    case "NoCoverage":
      return "never run";
    default:
      return undefined;
  }
};

const tell = (name: string): void => {
  // Written by Stryker just now, in the schema of mutation-testing-report-schema.
  const { files } = JSON.parse(readFileSync(join(workshop, `${name}.json`), "utf8")) as Report;
  const counts = new Map<string, number>();
  for (const [file, { mutants }] of Object.entries(files)) {
    for (const mutant of mutants) {
      const fate = fateOf(mutant);
      if (fate === undefined) continue;
      counts.set(fate, (counts.get(fate) ?? 0) + 1);
      if (fate === "killed") continue;
      const { line, column } = mutant.location.start;
      const replacement = (mutant.replacement ?? "").replaceAll(/\s+/g, " ").slice(0, 100);
      console.log(`${fate} ${file}:${line}:${column} ${mutant.mutatorName} => ${replacement}`);
    }
  }
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const fates = [...counts].map(([fate, count]) => `${count} ${fate}`).toSorted();
  console.log(`${name}: ${all} mutants: ${fates.join(", ")}`);
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
