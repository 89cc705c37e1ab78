import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../registry-tools/tools.ts";

const moduleDirectory = fileURLToPath(new URL("../../fixtures/openreports", import.meta.url));

/** The CRDs of OpenReports as their project publishes them, from its Go module; undefined where there is no Go. */
export async function openReportsCrds(): Promise<string | undefined> {
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-mod=mod" };
  try {
    const { code, stdout, stderr } = await run("go", ["mod", "download", "-json", MODULE], {
      cwd: moduleDirectory,
      env,
    });
    if (code !== 0) throw new Error(`go mod download ${MODULE}: ${stderr}${stdout}`);
    const { Dir: directory } = JSON.parse(stdout) as { Dir: string };
    const files = ["openreports.io_reports.yaml", "openreports.io_clusterreports.yaml"];
    const texts = await Promise.all(files.map((file) => readFile(join(directory, "config/crd", file), "utf8")));
    return texts.join("\n---\n");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

const MODULE = "github.com/openreports/reports-api";
