/**
 * `npm run test:versions [series ...]`, such as 1.30, all of `sandbox/versions.ts` by default: the e2e tests of what depends on the API
 * server, against each version, one after the other, each in a process of its own. For the night: a version is built once (minutes), and
 * its tests take minutes, too. Says at the end what was run where, as the README's table has it. Exits 1 where a test fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { kubernetesVersions, versionOf } from "../sandbox/versions.ts";

/** Folders of `test/e2e`. */
const CORE = ["crds", "policy", "webhook", "operator", "audit", "admissionPolicies"];

const asked = process.argv.slice(2);
const versions = asked.length > 0 ? asked.map(versionOf) : kubernetesVersions;

/** The last line of test/run.ts, or how it ended without one. */
const runCore = async (series: string): Promise<{ readonly code: number; readonly result: string }> => {
  const { KUBEBUILDER_ASSETS: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "run.ts"), ...CORE.map((name) => `test/e2e/${name}`)],
    {
      cwd: join(import.meta.dirname, ".."),
      env: { ...env, ENVTEST_K8S_VERSION: series },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let result: string | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    console.log(line);
    if (/^\d+ passed, \d+ failed/.test(line)) result = line;
  });
  // What close gives: a code, or the signal that ended it.
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code: code ?? 1, result: result ?? `ended by ${signal ?? `code ${code}`}` };
};

const rows: string[] = [];
for (const { series, version } of versions) {
  console.log(`\nKubernetes ${version}`);
  const { code, result } = await runCore(series);
  if (code !== 0) process.exitCode = 1;
  rows.push(`| ${version} | ${CORE.join(", ")} | ${result} |`);
}
console.log(["", "| Kubernetes | test/e2e/ | result |", "| --- | --- | --- |", ...rows].join("\n"));
