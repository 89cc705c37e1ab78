import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { DASHBOARDS, textOf } from "../../../config/grafana/dashboards.ts";
import { everyMetric } from "../../../docs/metricsPage.ts";
import { configFolder } from "../config/kustomize.ts";
import { clusterTimeout } from "../harness/cluster.ts";
import { eventually } from "../harness/eventually.ts";
import { dashboards, filled, shownBy, type Panel } from "./panels.ts";
import type { Prometheus } from "./prometheus.ts";
import { startUnderLoad, type UnderLoad } from "./underLoad.ts";

const metricsIn = (panels: readonly Panel[]): ReadonlySet<string> =>
  new Set(
    panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) =>
        [...expr.matchAll(/image_security_\w+/g)].map(([name]) => name.replace(/_bucket$/, "")),
      ),
    ),
  );

/** Of these zero would be data as well, but the load leaves something for each to show. */
const MORE_THAN_NOTHING: ReadonlySet<string> = new Set([
  "Violations",
  "Refused if made anew",
  "Requests denied, last hour",
  "Exceptions that end within 7 days",
  "Images that no deny policy covers",
  "Where",
  "Exceptions that end first",
  "Scans that get too old",
  "Refused if made anew, by namespace",
  "By the webhook and by the API server itself",
  "By severity",
  "Silenced by exceptions",
]);

describe("the Grafana dashboards", () => {
  it("are what config/grafana says: npm run generate", async () => {
    for (const [file, dashboard] of Object.entries(DASHBOARDS))
      assert.equal(await readFile(join(configFolder("grafana"), file), "utf8"), textOf(dashboard), file);
  });

  it("are all in the ConfigMap, with the label by which Grafana's sidecar finds it", async () => {
    const text = await readFile(join(configFolder("grafana"), "kustomization.yaml"), "utf8");
    const [map] = (parse(text) as { configMapGenerator: { files: string[]; options: { labels: object } }[] })
      .configMapGenerator;
    assert.deepEqual(map?.files.toSorted(), Object.keys(DASHBOARDS).toSorted());
    assert.deepEqual(map?.options.labels, { grafana_dashboard: "1" });
  });

  it("ask for every metric that the operator has, and for no other", () => {
    assert.deepEqual(
      [...metricsIn(Object.values(dashboards).flatMap(shownBy))].toSorted(),
      everyMetric().map(({ name }) => name),
    );
  });

  for (const [file, dashboard] of Object.entries(dashboards))
    it(`${file} is as Grafana has them: an address, a source to choose, panels that do not overlap and say what they are`, () => {
      assert.match(dashboard.uid, /^[a-z-]{1,40}$/);
      assert.ok(dashboard.schemaVersion >= 36);
      const variables = new Set(dashboard.templating.list.map(({ name }) => name));
      assert.equal(dashboard.templating.list[0]?.type, "datasource");
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
      const taken = new Set<string>();
      for (const { title, gridPos } of dashboard.panels)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
            assert.ok(x < 24, `${title} is beside the page`);
            assert.ok(!taken.has(`${x} ${y}`), `${title} lies over another panel`);
            taken.add(`${x} ${y}`);
          }
      for (const { title, description = "", datasource, targets = [], fieldConfig } of shownBy(dashboard)) {
        assert.ok(description !== "" && (fieldConfig?.defaults.unit ?? "table") !== "", title);
        assert.ok(targets.length > 0, title);
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
        for (const source of [datasource, ...targets.map((target) => target.datasource)])
          assert.equal(source?.uid, "${datasource}", title);
        for (const { expr } of targets)
          for (const [, name = ""] of expr.matchAll(/\$(?!__)([a-z]\w*)/g))
            assert.ok(variables.has(name), `${title}: there is no variable ${name}`);
      }
    });

  it("add up nothing that every replica tells of the same", () => {
    const same = ["registry_circuit_open", "policies", "enforced", "certificate_expiry_timestamp_seconds"];
    const added = new RegExp(`\\b(?:sum|count)(?: by \\([^)]*\\))? ?\\(image_security_(?:${same.join("|")})\\b`);
    for (const { title, targets = [] } of Object.values(dashboards).flatMap(shownBy))
      for (const { expr } of targets) assert.doesNotMatch(expr, added, title);
  });

  describe("over a Prometheus that scrapes a running operator and its API server", function () {
    this.timeout(120_000);
    let load: UnderLoad | undefined;
    let prometheus: Prometheus;

    before(async function () {
      this.timeout(clusterTimeout);
      load = await startUnderLoad();
      if (load === undefined) {
        console.log("      Prometheus is not installed here (Debian: apt-get install prometheus)");
        return this.skip();
      }
      prometheus = load.prometheus;
    });

    after(async function () {
      this.timeout(30_000);
      await load?.stop();
    });

    for (const dashboard of Object.values(dashboards)) {
      for (const { title, type, targets = [] } of shownBy(dashboard))
        it(`${dashboard.title}: ${title}`, async () => {
          await eventually(
            async () => {
              for (const { expr } of targets) {
                const query = filled(expr);
                const series = type === "timeseries" ? await prometheus.range(query) : await prometheus.instant(query);
                const values = series.flatMap((one) => one.values).filter(Number.isFinite);
                assert.ok(values.length > 0, `no data for ${query}`);
                if (MORE_THAN_NOTHING.has(title) && type !== "table")
                  assert.ok(
                    values.some((value) => value > 0),
                    `nothing but zero for ${query}`,
                  );
              }
            },
            { within: 60_000, every: 500 },
          );
        });

      for (const { name, definition = "" } of dashboard.templating.list.filter(({ type }) => type === "query"))
        it(`${dashboard.title}: variable ${name}`, async () => {
          const [, metric = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
          await eventually(async () => assert.notDeepEqual(await prometheus.labelValues(label, filled(metric)), []));
        });
    }

    it("to choose namespaces from those too in which all is refused, so that nothing violates", async () => {
      const { definition = "" } =
        dashboards["imageSecurity.json"]?.templating.list.find(({ name }) => name === "namespace") ?? {};
      const [, match = ""] = /^label_values\((.*), namespace\)$/.exec(definition) ?? [];
      await eventually(async () =>
        assert.ok((await prometheus.labelValues("namespace", filled(match))).includes("void")),
      );
    });

    it("of the namespaces that violations are in, not of the operator's own", async () => {
      await eventually(async () =>
        assert.deepEqual(await prometheus.labelValues("namespace", "image_security_violations"), [
          "ci",
          "payments",
          "shop",
        ]),
      );
    });
  });
});
