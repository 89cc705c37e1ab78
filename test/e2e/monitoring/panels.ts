import { DASHBOARDS } from "../../../config/grafana/dashboards.ts";

/** What is looked at of a panel, as Grafana keeps it. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat?: string;
    readonly datasource?: { readonly uid: string };
  }[];
  readonly options?: { readonly displayMode?: string };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly custom?: { readonly stacking?: { readonly mode: string } };
      readonly thresholds?: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
      readonly mappings?: readonly { readonly options: Readonly<Record<string, { readonly text: string }>> }[];
    };
    readonly overrides: readonly {
      readonly matcher: { readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: {
      readonly renameByName?: Readonly<Record<string, string>>;
      readonly sort?: readonly { readonly field: string; readonly desc: boolean }[];
    };
  }[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

/** By the file's name; what is generated is what is looked at, and a test says that the files are it. */
export const dashboards: Readonly<Record<string, Dashboard>> = Object.fromEntries(
  // The library's types say less than what Grafana keeps.
  Object.entries(DASHBOARDS).map(([file, one]) => [file, JSON.parse(JSON.stringify(one)) as Dashboard]),
);

/** Those that show something. */
export const shownBy = ({ panels }: Dashboard): readonly Panel[] => panels.filter(({ type }) => type !== "row");

/** What Grafana puts in for "All", where the operator is the only job of its metrics, and for its own variable. */
export const filled = (expression: string): string =>
  expression
    .replaceAll("$__rate_interval", "15s")
    .replaceAll(/\$job\b/g, "image-security-metrics")
    .replaceAll(/\$(policy|namespace)\b/g, ".*");
