import { Gauge, type Registry } from "prom-client";

/** One value of a gauge, with its labels; no labels where the gauge has none. */
export type Series = readonly [labels: Readonly<Record<string, string>>, value: number];

export interface ScrapedGauge {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  /** All series that there are now, asked for at every scrape. */
  readonly series: () => Iterable<Series>;
}

/** Adds a gauge that has nothing of what it said before: without series it is left out. */
export function addScrapedGauge(registers: Registry[], { name, help, labelNames = [], series }: ScrapedGauge): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers,
    collect: () => {
      // Without labels a reset would read as 0.
      if (labelNames.length === 0) gauge.remove();
      else gauge.reset();
      for (const [labels, value] of series()) gauge.set(labels, value);
    },
  });
}
