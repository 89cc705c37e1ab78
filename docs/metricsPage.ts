import { createMetrics, type MetricDescription } from "../operator/metrics/metrics.ts";

/** Every metric of ours. */
export function everyMetric(): readonly MetricDescription[] {
  const metrics = createMetrics();
  // Those that come with their first value.
  metrics.buildInfo("");
  metrics.certificateExpiry(0);
  metrics.observeCallers({ counts: () => [], expiries: () => [] });
  metrics.observeSink(() => ({ sent: 0, refused: 0, dropped: 0, waiting: 0 }));
  return metrics.describe();
}

/** The text of `docs/metrics.md`. */
export function metricsPage(): string {
  const rows = everyMetric().map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |\n`,
  );
  return `${HEAD}\n| metric | type | labels | what |\n| --- | --- | --- | --- |\n${rows.join("")}`;
}

const HEAD = `# Metrics

\`/metrics\` on port 8080, in the Prometheus format, beside Node's own (\`process_...\`, \`nodejs_...\`). No label carries an image, a digest or a Pod; \`registry\` is one that a policy names, else \`other\`; \`namespace\` is one that
there is. What to do with them, dashboards and alerts: [monitoring.md](monitoring.md). Generated from operator/metrics by \`npm run generate\`.
`;
