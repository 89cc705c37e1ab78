import assert from "node:assert/strict";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { htmlReport } from "../../../cli/audit/htmlReport.ts";
import type { AuditFinding, AuditResult } from "../../../cli/audit/auditResult.ts";
import { run } from "../../e2e/registry-tools/tools.ts";

const hostile = '</script><img src=x onerror="document.title=1">\u2028';
const finding = (index: number): AuditFinding => ({
  policy: ["production", "digests"][index % 2]!,
  inForce: "warn",
  refuses: index % 4 !== 0,
  namespace: `team-${index % 50}`,
  owner: `Deployment/app-${index % 900}`,
  rule: "digest",
  reason: "DigestRequired",
  container: "web",
  image: `${hostile}:${index}`,
  message: `image "${hostile}" ${index}`,
  pods: 2,
  templates: 1,
});
const resultOf = (findings: number): AuditResult => ({
  cluster: hostile,
  pods: 3,
  templates: 2,
  namespaces: 1,
  images: [{ image: hostile, registry: hostile, form: "tag", namespaces: ["a"], pods: 1, templates: 0 }],
  policies: [{ policy: "production", inForce: ["warn"], pods: 1, templates: 0, owners: 1, namespaces: ["a"] }],
  findings: Array.from({ length: findings }, (_, index) => finding(index)),
  notes: [],
});

const findChromium = async (): Promise<string | undefined> => {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, "chromium");
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
};

describe("the audit's page", () => {
  it("holds names as data alone, and asks nobody for anything", () => {
    const page = htmlReport(resultOf(3), new Date(0));
    assert.doesNotMatch(page, /<img/);
    assert.equal(page.match(/<\/script>/g)?.length, 2);
    assert.match(page, /default-src 'none'/);
    const [, data = ""] = /id="data">(.*)<\/script>\n<script>/s.exec(page) ?? [];
    assert.equal((JSON.parse(data) as AuditResult).cluster, hostile);
    assert.doesNotMatch(page.replace(data, ""), /(?:src|href)=/);
  });

  it("shows 20,000 findings in a browser, a part at a time", async function () {
    this.timeout(120_000);
    const chromium = await findChromium();
    if (chromium === undefined) {
      console.log("      skipped: there is no chromium on PATH (Debian: apt-get install chromium)");
      return this.skip();
    }
    const folder = await mkdtemp(join(tmpdir(), "audit-html-"));
    try {
      const file = join(folder, "audit.html");
      await writeFile(file, htmlReport(resultOf(20_000), new Date(0)));
      const { stdout } = await run(chromium, [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        `--user-data-dir=${join(folder, "profile")}`,
        "--dump-dom",
        pathToFileURL(file).href,
      ]);
      const shown = stdout.replace(/<script[^]*?<\/script>/g, "");
      assert.match(shown, /id="count" role="status">15000 of 20000, 200 shown<\/span>/);
      assert.equal(shown.match(/<img/g), null);
      assert.match(shown, /&lt;\/script&gt;&lt;img src=x/);
      assert.equal(/<title>(.*)<\/title>/.exec(shown)?.[1], "What would be refused");
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});
