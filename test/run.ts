/**
 * Runs the tests: `node test/run.ts [folder or file ...]`, all of `test/` by default. `-g TEXT` keeps the matching titles.
 * The last line is `N passed, N failed[, N skipped]`.
 */
import { glob } from "node:fs/promises";
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import Mocha from "mocha";

// What a user has exported for other programs must not decide how a test ends. Proxies and KUBEBUILDER_ASSETS stay: by them the control
// plane's programs are found.
for (const name of Object.keys(process.env))
  if (/^(?:IMAGE_SECURITY_.*|KUBECONFIG|KUBERNETES_.*|DOCKER_CONFIG|VAULT_.*|BAO_.*)$/.test(name))
    delete process.env[name];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { grep: { type: "string", short: "g" }, bail: { type: "boolean", short: "b", default: false } },
});

const wanted = positionals.length > 0 ? positionals : ["test"];
const patterns = wanted.map((place) =>
  statSync(place).isDirectory() ? `${place.replace(/\/$/, "")}/**/*.test.ts` : place,
);
const files = (await Array.fromAsync(glob(patterns))).toSorted();
if (files.length === 0) throw new Error(`no test found in ${wanted.join(", ")}`);

const ci = process.env["CI"] === "true";
const mocha = new Mocha({
  timeout: 10_000,
  reporter: ci ? "dot" : "spec",
  bail: values.bail,
  // CI has two cores for an API server, etcd and the tests: what fails by its timing alone gets one more try, and is named.
  retries: ci ? 1 : 0,
  ...(values.grep === undefined ? {} : { grep: values.grep }),
});
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();

const retried = new Map<string, unknown>();
const runner = mocha.run((failures) => {
  const { passes = 0, pending = 0 } = runner.stats ?? {};
  for (const [title, error] of retried) console.error(`tried again: ${title}\n`, error);
  console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ""}`);
  process.exitCode = failures > 0 || passes === 0 ? 1 : 0;
  // A test that leaves a server or a timer behind would hang CI: give it a moment, then say so and go.
  setTimeout(() => {
    console.error("something is still open after the tests");
    process.exit();
  }, 15_000).unref();
});
runner.on(Mocha.Runner.constants.EVENT_TEST_RETRY, (test, error) => retried.set(test.fullTitle(), error));
