/**
 * `node sandbox/controlplane/pin.ts VERSION`, such as 1.37.2: writes the go.mod and go.sum that pin this API server into the folder of its
 * series, and prints the line for `sandbox/versions.ts`. Needs Go and its module proxy.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const [, series, patch] = /^(1\.\d+)\.(\d+)$/.exec(process.argv[2] ?? "") ?? [];
if (series === undefined || patch === undefined) throw new Error("give a version of Kubernetes, such as 1.37.2");
const version = `${series}.${patch}`;
const folder = join(import.meta.dirname, series);
const go = async (...args: readonly string[]): Promise<string> => {
  const options = { cwd: folder, env: { ...process.env, GOWORK: "off" }, maxBuffer: 64 * 1024 * 1024 };
  return (await promisify(execFile)("go", args, options)).stdout;
};

await mkdir(folder, { recursive: true });
// What `go mod download -json` prints.
const module = JSON.parse(await go("mod", "download", "-json", `k8s.io/kubernetes@v${version}`)) as {
  readonly GoMod: string;
  readonly Info: string;
};
const own = await readFile(module.GoMod, "utf8");
const staging = [...own.matchAll(/^(?:replace|\t)\s*(k8s\.io\/\S+) => \.\/staging\//gm)].map(([, name]) => name);
// Before 1.31 its go.mod has no such line: its Go version says the same.
const godebug = /^godebug default=(go\S+)$/m.exec(own)?.[1] ?? `go${/^go (\d+\.\d+)/m.exec(own)?.[1]}`;
const replaced = staging.map((name) => `\t${name} => ${name} v0.${version.slice("1.".length)}`);
await writeFile(
  join(folder, "go.mod"),
  `// kube-apiserver ${version}, pinned by go.sum; written by ../pin.ts.
module imagesecurity.dev/sandbox/controlplane

go 1.26.0

godebug default=${godebug}

tool k8s.io/kubernetes/cmd/kube-apiserver

require k8s.io/kubernetes v${version}

// Kubernetes' own modules, which its go.mod takes from ./staging.
replace (
${replaced.join("\n")}
)
`,
);
await go("mod", "tidy");
const { Time: released } = JSON.parse(await readFile(module.Info, "utf8")) as { readonly Time: string };
console.log(JSON.stringify({ series, version, released }));
