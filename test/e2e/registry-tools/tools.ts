import { spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "../../../sandbox/binaries/cacheDirectory.ts";

/** The tools of `test/fixtures/registry-tools/go.mod`. */
const packages = {
  crane: "github.com/google/go-containerregistry/cmd/crane",
  oras: "oras.land/oras/cmd/oras",
  conformance: "github.com/opencontainers/distribution-spec/conformance",
} as const;

export type Tool = keyof typeof packages;

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** For a `before` that builds: modules are downloaded the first time. */
export const toolTimeout = 600_000;

const moduleDirectory = fileURLToPath(new URL("../../fixtures/registry-tools", import.meta.url));

/** The path of a tool, built with Go and kept in the user's cache; undefined where there is no Go. Rejects when the build fails. */
export async function findTool(tool: Tool): Promise<string | undefined> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(moduleDirectory, file)));
  const directory = join(dirname(cacheDirectory()), "test-tools", hash.digest("hex").slice(0, 12));
  const path = join(directory, tool);
  if (await exists(path)) return path;

  await mkdir(directory, { recursive: true });
  const built = `${path}.${randomUUID()}`;
  const environment = { ...process.env, GOWORK: "off", CGO_ENABLED: "0" };
  const args = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", built, packages[tool]];
  try {
    const { code, stderr } = await run("go", args, { cwd: moduleDirectory, env: environment });
    if (code !== 0) throw new Error(`go build ${packages[tool]}: ${stderr}`);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  // Two test runs may build at the same time: each puts a whole file in place.
  await rename(built, path);
  return path;
}

/** Runs a program to its end; a refusal is a result. Rejects where there is no such program. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<ToolResult> {
  const { cwd, env = process.env, input = "" } = options;
  const child = spawn(program, args, { cwd, env, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout: stdout.trim(), stderr };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
