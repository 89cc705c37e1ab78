/**
 * Draws the dashboards into docs/images: `node test/e2e/monitoring/picture/main.ts [SECONDS]`. The operator works under load for so long, a
 * Prometheus that scrapes it answers every panel's own queries, and what it says is drawn by `draw.ts` in headless Chromium. It shows
 * what the panels have to say, in Grafana's grid; Grafana itself draws them more finely.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { dashboards, filled, shownBy, type Dashboard } from "../panels.ts";
import type { Prometheus } from "../prometheus.ts";
import { startUnderLoad } from "../underLoad.ts";
import type { Answer } from "./draw.ts";
import { heightOf, pageOf, WIDTH } from "./page.ts";

const seconds = Number(process.argv[2] ?? 300);

async function answersOf(
  dashboard: Dashboard,
  prometheus: Prometheus,
): Promise<ReadonlyMap<number, readonly Answer[]>> {
  const answers = new Map<number, readonly Answer[]>();
  for (const { id, type, targets = [] } of shownBy(dashboard)) {
    const asked = targets.map(async ({ refId, expr, legendFormat: legend = "" }): Promise<Answer> => {
      const query = filled(expr);
      return {
        refId,
        legend,
        series: type === "timeseries" ? await prometheus.range(query, seconds, 150) : await prometheus.instant(query),
      };
    });
    answers.set(id, await Promise.all(asked));
  }
  return answers;
}

/** Chromium's picture of a page. It asks nobody for anything: the page is a file with all that it shows. */
async function photograph(html: string, height: number, file: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "image-security-picture-"));
  try {
    await writeFile(join(folder, "page.html"), html);
    await promisify(execFile)("chromium", [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--hide-scrollbars",
      `--user-data-dir=${folder}`,
      `--window-size=${WIDTH},${height}`,
      `--screenshot=${file}`,
      `file://${join(folder, "page.html")}`,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const load = await startUnderLoad();
if (load === undefined) throw new Error("Prometheus is not installed here (Debian: apt-get install prometheus)");
try {
  process.stdout.write(`the operator works for ${seconds} s\n`);
  await sleep(seconds * 1_000);
  for (const [name, dashboard] of Object.entries(dashboards)) {
    const file = fileURLToPath(new URL(`../../../../docs/images/${name.replace(/\.json$/, ".png")}`, import.meta.url));
    await photograph(pageOf(dashboard, await answersOf(dashboard, load.prometheus)), heightOf(dashboard), file);
    process.stdout.write(`${file}\n`);
  }
} finally {
  await load.stop();
}
