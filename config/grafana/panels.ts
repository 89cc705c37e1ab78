import { PanelBuilder as BarGauge } from "@grafana/grafana-foundation-sdk/bargauge";
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as Table } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";

/** The source that whoever looks has chosen. */
export const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

export type Panel = Stat | BarGauge | Table | TimeSeries;

/** From a value on, in order; the first is for what is below all others. */
export type Colours = readonly (readonly [colour: string, from?: number])[];

export interface Look {
  /** What the panel says, and what to do. */
  readonly about: string;
  /** Of 24. */
  readonly width: number;
  /** Of Grafana's; `short` where it is a number of things. */
  readonly unit?: string;
  readonly colours?: Colours;
}

const NEUTRAL: Colours = [["text"]];
/** Nothing should be there. */
export const WARN_ABOVE_ZERO: Colours = [["green"], ["orange", 1]];
export const BAD_ABOVE_ZERO: Colours = [["green"], ["red", 1]];
export const BAD_BELOW_ONE: Colours = [["red"], ["green", 1]];

const thresholds = (colours: Colours): ThresholdsConfigBuilder =>
  new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(colours.map(([color, value]): Threshold => ({ color, value: value ?? null })));

const instant = (expr: string, refId = "A"): DataqueryBuilder =>
  new DataqueryBuilder().datasource(DATASOURCE).refId(refId).expr(expr).instant();

const last = (): ReduceDataOptionsBuilder => new ReduceDataOptionsBuilder().calcs(["lastNotNull"]);

/** One number. `words` stand in place of values. */
export const number = (
  title: string,
  expr: string,
  { about, width, unit = "short", colours = NEUTRAL }: Look,
  words?: Readonly<Record<string, string>>,
): Panel => {
  const panel = new Stat()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .span(width)
    .height(4)
    .unit(unit)
    .thresholds(thresholds(colours))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .reduceOptions(last())
    .withTarget(instant(expr));
  if (words !== undefined)
    panel.mappings([
      {
        type: MappingType.ValueToText,
        options: Object.fromEntries(Object.entries(words).map(([value, text], index) => [value, { text, index }])),
      },
    ]);
  return panel;
};

/** What both dashboards begin with. */
export const enforced = (width: number): Panel =>
  number(
    "Enforced",
    'min(image_security_enforced{job=~"$job"})',
    {
      about:
        "Whether admission asks the operator about every image, as the replica sees it that sees the worst. NO: kubectl get isp -o wide says why.",
      width,
      colours: BAD_BELOW_ONE,
    },
    { 0: "NO", 1: "yes" },
  );

/** Words that mean the same wherever they stand. */
const MEANING: Readonly<Record<string, string>> = {
  allow: "green",
  warn: "yellow",
  deny: "red",
  error: "purple",
  critical: "dark-red",
  high: "red",
  medium: "orange",
  low: "yellow",
  unknown: "text",
};

/** Queries over time, each with its legend. */
export const lines = (
  title: string,
  queries: Readonly<Record<string, string>>,
  { about, width, unit = "short", stacked = false }: Omit<Look, "colours"> & { readonly stacked?: boolean },
): Panel => {
  const panel = new TimeSeries()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .span(width)
    .height(8)
    .unit(unit)
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked ? 40 : 10)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group("A"));
  for (const [word, colour] of Object.entries(MEANING))
    panel.overrideByName(word, [{ id: "color", value: { mode: "fixed", fixedColor: colour } }]);
  for (const [index, [legend, expr]] of Object.entries(queries).entries())
    panel.withTarget(
      new DataqueryBuilder().datasource(DATASOURCE).refId(refIdOf(index)).expr(expr).legendFormat(legend).range(),
    );
  return panel;
};

/** A bar for each series. */
export const bars = (
  title: string,
  expr: string,
  legend: string,
  { about, width, unit = "short", colours = NEUTRAL }: Look,
): Panel =>
  new BarGauge()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .span(width)
    .height(8)
    .unit(unit)
    .min(0)
    .thresholds(thresholds(colours))
    .orientation(VizOrientation.Horizontal)
    .displayMode(BarGaugeDisplayMode.Basic)
    .reduceOptions(last())
    .withTarget(instant(expr).legendFormat(legend));

/** A column of numbers of a table. */
export interface Column {
  readonly title: string;
  readonly expr: string;
  readonly unit?: string;
}

/** A row for each combination of labels, which all queries share; the first column sorts, `order` says which way. */
export const table = (
  title: string,
  labels: Readonly<Record<string, string>>,
  columns: readonly Column[],
  { about, width, order }: Pick<Look, "about" | "width"> & { readonly order: "ascending" | "descending" },
): Panel => {
  const values = columns.map(
    ({ title: name }, index) => [columns.length === 1 ? "Value" : `Value #${refIdOf(index)}`, name] as const,
  );
  const panel = new Table()
    .title(title)
    .description(about)
    .datasource(DATASOURCE)
    .span(width)
    .height(8)
    .filterable(true)
    // Several queries are tables of their own until their rows are joined by the labels.
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(
          [...Object.keys(labels), ...values.map(([field]) => field)].map((field, index) => [field, index]),
        ),
        renameByName: { ...labels, ...Object.fromEntries(values) },
      },
    })
    .withTransformation({
      id: "sortBy",
      options: { sort: [{ field: columns[0]?.title ?? "", desc: order === "descending" }] },
    });
  for (const [index, { title: name, expr, unit = "short" }] of columns.entries()) {
    panel.withTarget(instant(expr, refIdOf(index)).format(PromQueryFormat.Table));
    panel.overrideByName(name, [{ id: "unit", value: unit }]);
  }
  return panel;
};

const refIdOf = (index: number): string => "ABCDEFGHIJKLMNOPQRSTUVWXYZ".charAt(index);
