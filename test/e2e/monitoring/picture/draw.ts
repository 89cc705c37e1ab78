import { escapeText } from "./html.ts";
import { valueText } from "./values.ts";
import type { Panel } from "../panels.ts";
import type { Series } from "../prometheus.ts";

/** What Prometheus answered to a query of a panel, in the order of its queries. */
export interface Answer {
  readonly refId: string;
  readonly legend: string;
  readonly series: readonly Series[];
}

const COLOURS = [
  "#73bf69",
  "#f2cc0c",
  "#5794f2",
  "#ff9830",
  "#f2495c",
  "#b877d9",
  "#8ab8ff",
  "#fade2a",
  "#96d98d",
  "#ca95e5",
];
const NAMED: Readonly<Record<string, string>> = {
  green: "#73bf69",
  orange: "#ff9830",
  red: "#f2495c",
  text: "#d8d9da",
  yellow: "#fade2a",
  purple: "#b877d9",
  "dark-red": "#c4162a",
};

/** The inside of a panel, as HTML, so wide and high. */
export function drawPanel(panel: Panel, answers: readonly Answer[], width: number, height: number): string {
  switch (panel.type) {
    case "stat":
      return number(panel, answers);
    case "timeseries":
      return lines(panel, answers, width, height);
    case "bargauge":
      return bars(panel, answers);
    case "table":
      return table(panel, answers);
    default:
      throw new Error(`nobody has drawn a ${panel.type} yet`);
  }
}

const defaultsOf = ({ fieldConfig }: Panel) => fieldConfig?.defaults ?? {};

function colourOf(panel: Panel, value: number): string {
  const steps = defaultsOf(panel).thresholds?.steps ?? [];
  const step = steps.findLast(({ value: from }) => from === null || value >= from);
  return NAMED[step?.color ?? "text"] ?? "#d8d9da";
}

/** The colour that the panel gives to this name, else the next one. */
function lineColour({ fieldConfig }: Panel, name: string, index: number): string {
  const override = fieldConfig?.overrides.find(({ matcher }) => matcher.options === name);
  const value = override?.properties.find(({ id }) => id === "color")?.value as { fixedColor: string } | undefined;
  return NAMED[value?.fixedColor ?? ""] ?? COLOURS[index % COLOURS.length] ?? "";
}

function number(panel: Panel, [answer]: readonly Answer[]): string {
  const value = answer?.series[0]?.values.at(-1) ?? NaN;
  const { mappings, unit } = defaultsOf(panel);
  const word = mappings?.[0]?.options[String(value)]?.text;
  const text = word ?? (Number.isFinite(value) ? valueText(value, unit) : "No data");
  return `<div class="number" style="color:${colourOf(panel, value)};font-size:${text.length > 7 ? 24 : 34}px">${escapeText(text)}</div>`;
}

const nameOf = (legend: string, { metric }: Series): string =>
  legend.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? "");

function lines(panel: Panel, answers: readonly Answer[], width: number, height: number): string {
  const all = answers.flatMap(({ legend, series }) =>
    series.map((one) => ({ name: nameOf(legend, one), values: one.values, times: one.times })),
  );
  const shown = all.slice(0, 40);
  const times = shown.flatMap((one) => one.times);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const { unit } = defaultsOf(panel);
  const stacked = panel.fieldConfig?.defaults.custom?.stacking?.mode === "normal";
  const base = new Map<number, number>();
  const drawn = shown.map((one) => ({
    ...one,
    points: one.values.map((value, index): readonly [number, number, number] => {
      const time = one.times[index] ?? 0;
      const below = stacked ? (base.get(time) ?? 0) : 0;
      if (stacked) base.set(time, below + (Number.isFinite(value) ? value : 0));
      return [time, below, below + value];
    }),
  }));
  const most =
    Math.max(...drawn.flatMap(({ points }) => points.map(([, , top]) => (Number.isFinite(top) ? top : 0))), 0) || 1;
  const legendHeight = 18 * Math.min(4, shown.length + 1);
  const [left, bottom] = [72, 18];
  const [plotWidth, plotHeight] = [width - left - 8, height - legendHeight - bottom - 8];
  const x = (time: number): number => left + ((time - from) / (to - from || 1)) * plotWidth;
  const y = (value: number): number => 6 + plotHeight * (1 - value / (most * 1.08));
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(most * part);
    return `<line x1="${left}" x2="${width - 8}" y1="${at}" y2="${at}" stroke="#2c2f36"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${escapeText(valueText(most * part, unit))}</text>`;
  });
  const clock = [0, 0.25, 0.5, 0.75].map((part) => {
    const time = from + (to - from) * part;
    return `<text x="${x(time)}" y="${plotHeight + 22}">${new Date(time * 1_000).toISOString().slice(11, 19)}</text>`;
  });
  const paths = drawn.map(({ points, name }, index) => {
    const good = points.filter(([, , top]) => Number.isFinite(top));
    const colour = lineColour(panel, name, index);
    const top = good.map(([time, , value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    const under = good.toReversed().map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polygon points="${[...top, ...under].join(" ")}" fill="${colour}" opacity="${stacked ? 0.4 : 0.08}"/><polyline points="${top.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.4"/>`;
  });
  const rows = shown.map(({ name, values }, index) => {
    const good = values.filter(Number.isFinite);
    return `<tr><td><i style="background:${lineColour(panel, name, index)}"></i>${escapeText(name)}</td><td>${escapeText(valueText(good.at(-1) ?? NaN, unit))}</td><td>${escapeText(valueText(Math.max(...good), unit))}</td></tr>`;
  });
  return `<svg width="${width}" height="${height - legendHeight}">${[...grid, ...clock, ...paths].join("")}</svg>
<div class="legend" style="height:${legendHeight}px"><table><tr><th>Name</th><th>Last</th><th>Max</th></tr>${rows.join("")}</table></div>`;
}

function bars(panel: Panel, answers: readonly Answer[]): string {
  const all = answers.flatMap(({ legend, series }) =>
    series.map((one) => ({ name: nameOf(legend, one), value: one.values.at(-1) ?? 0 })),
  );
  const most = Math.max(...all.map(({ value }) => value), 1);
  return `<div class="bars">${all
    .map(({ name, value }) => {
      const colour = colourOf(panel, value);
      return `<label>${escapeText(name)}</label><div><b style="width:${(value / most) * 80}%;background:${colour}"></b><span style="color:${colour}">${escapeText(valueText(value, defaultsOf(panel).unit))}</span></div>`;
    })
    .join("")}</div>`;
}

function table({ transformations = [], fieldConfig }: Panel, answers: readonly Answer[]): string {
  const renamed = transformations.find(({ id }) => id === "organize")?.options.renameByName ?? {};
  const sort = transformations.find(({ id }) => id === "sortBy")?.options.sort?.[0];
  const unitOf = (title: string): string | undefined => {
    const found = fieldConfig?.overrides
      .find(({ matcher }) => matcher.options === title)
      ?.properties.find(({ id }) => id === "unit");
    return found === undefined ? undefined : String(found.value);
  };
  const rows = new Map<string, Record<string, string | number>>();
  for (const { refId, series } of answers)
    for (const { metric, values } of series) {
      const key = JSON.stringify(metric);
      const row =
        rows.get(key) ??
        Object.fromEntries(Object.entries(metric).map(([label, value]) => [renamed[label] ?? label, value]));
      row[renamed[answers.length === 1 ? "Value" : `Value #${refId}`] ?? refId] = values.at(-1) ?? NaN;
      rows.set(key, row);
    }
  const columns = [...new Set(Object.values(renamed))];
  const of = (row: Record<string, string | number>): number => Number(row[sort?.field ?? ""] ?? 0);
  const sorted = [...rows.values()].toSorted((a, b) => (sort?.desc === true ? of(b) - of(a) : of(a) - of(b)));
  const cell = (value: string | number | undefined, title: string): string =>
    `<td>${escapeText(typeof value === "number" ? valueText(value, unitOf(title)) : (value ?? ""))}</td>`;
  return `<table class="table"><tr>${columns.map((title) => `<th>${escapeText(title)}</th>`).join("")}</tr>${sorted
    .map((row) => `<tr>${columns.map((title) => cell(row[title], title)).join("")}</tr>`)
    .join("")}</table>`;
}
