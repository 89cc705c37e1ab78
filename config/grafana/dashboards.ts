import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { operations } from "./operations.ts";
import { security } from "./security.ts";

/** By the name of the file that is generated beside this one. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  "imageSecurity.json": security,
  "imageSecurityOperations.json": operations,
};

/** As it is imported. */
export const textOf = (dashboard: Dashboard): string => `${JSON.stringify(dashboard, undefined, 2)}\n`;
