/** Numbers as Grafana writes them, for the units that the dashboards use. */
export function valueText(value: number, unit = "short"): string {
  if (!Number.isFinite(value)) return "";
  switch (unit) {
    case "s":
      return durationText(value);
    case "bytes":
      return scaled(value, 1_024, ["B", "KiB", "MiB", "GiB"]);
    case "percentunit":
      return `${rounded(value * 100)}%`;
    case "reqps":
      return `${rounded(value)} req/s`;
    case "cps":
      return `${rounded(value)} c/s`;
    case "opm":
      return `${rounded(value)}/min`;
    default:
      return scaled(value, 1_000, ["", " K", " Mil"]);
  }
}

function durationText(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 0.001) return `${rounded(seconds * 1e6)} µs`;
  if (size < 1) return `${rounded(seconds * 1_000)} ms`;
  if (size < 60) return `${rounded(seconds)} s`;
  if (size < 3_600) return `${rounded(seconds / 60)} mins`;
  if (size < 86_400) return `${rounded(seconds / 3_600)} hours`;
  if (size < 7 * 86_400) return `${rounded(seconds / 86_400)} days`;
  if (size < 365 * 86_400) return `${rounded(seconds / (7 * 86_400))} weeks`;
  return `${rounded(seconds / (365 * 86_400))} years`;
}

function scaled(value: number, by: number, units: readonly string[]): string {
  const place =
    value === 0 ? 0 : Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(Math.abs(value)) / Math.log(by))));
  return `${rounded(value / by ** place)}${by === 1_024 ? " " : ""}${units[place] ?? ""}`;
}

const rounded = (value: number): string => String(Number(value.toPrecision(3)));
