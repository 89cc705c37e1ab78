import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../registry-tools/tools.ts";

/** A project's CRDs: the module that has them, and the files in it. Its version is pinned in `test/fixtures/NAME/go.mod`. */
const PROJECTS = {
  openreports: {
    module: "github.com/openreports/reports-api",
    files: ["config/crd/openreports.io_reports.yaml", "config/crd/openreports.io_clusterreports.yaml"],
  },
  argocd: { module: "github.com/argoproj/argo-cd/v3", files: ["manifests/crds/application-crd.yaml"] },
} as const;

/** CRDs of others as their project publishes them, from its Go module; undefined where there is no Go. */
export async function publishedCrds(project: keyof typeof PROJECTS): Promise<string | undefined> {
  const { module, files } = PROJECTS[project];
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-mod=mod" };
  try {
    const { code, stdout, stderr } = await run("go", ["mod", "download", "-json", module], {
      cwd: fileURLToPath(new URL(`../../fixtures/${project}`, import.meta.url)),
      env,
    });
    if (code !== 0) throw new Error(`go mod download ${module}: ${stderr}${stdout}`);
    const { Dir: directory } = JSON.parse(stdout) as { Dir: string };
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), "utf8")));
    return texts.join("\n---\n");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
