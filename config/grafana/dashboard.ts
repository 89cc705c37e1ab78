import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
  type Dashboard,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DATASOURCE, type Panel } from "./panels.ts";

export interface DashboardParts {
  /** Its address in Grafana: never another. */
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  /** Names, labels and the query of each value that panels may be narrowed to. */
  readonly variables: readonly (readonly [name: string, label: string, definition: string])[];
  /** In order; panels are laid from left to right. */
  readonly rows: Readonly<Record<string, readonly Panel[]>>;
}

/** The tag by which the dashboards of this operator find each other. */
const TAG = "image-security";

/** One of the operator's dashboards, with the source and the job to choose. */
export function dashboardOf({ uid, title, about, variables, rows }: DashboardParts): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(about)
    .tags([TAG, "kubernetes", "security"])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh("30s")
    .time({ from: "now-6h", to: "now" })
    .link(
      new DashboardLinkBuilder("Image security")
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true)
        .icon("external link"),
    )
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"));
  for (const [name, label, definition] of [JOB, ...variables]) {
    const variable = new QueryVariableBuilder(name)
      .label(label)
      .datasource(DATASOURCE)
      .query({ query: definition, refId: name })
      .definition(definition)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .sort(VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .current({ text: ["All"], value: ["$__all"] });
    // All jobs are those of the operator: metrics of processes are everybody's.
    builder.withVariable(name === "job" ? variable : variable.allValue(".*"));
  }
  let id = 0;
  for (const [name, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(name).id((id += 1)));
    for (const panel of panels) builder.withPanel(panel.id((id += 1)));
  }
  return builder.build();
}

const JOB = ["job", "Job", "label_values(image_security_leader, job)"] as const;
