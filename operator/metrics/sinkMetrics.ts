import { Counter, Gauge, type Registry } from "prom-client";
import type { SinkCounts } from "../denials/denialSink.ts";

/** What became of the denials that --denial-sink is to get. */
export function addSinkMetrics(registers: Registry[], counts: () => SinkCounts): void {
  const events = new Counter({
    name: "image_security_denial_sink_events_total",
    help: "Denials that the collector took (sent), will not take (refused), or that there was no room or time for (dropped).",
    labelNames: ["result"],
    registers,
    collect: () => {
      events.reset();
      const { sent, refused, dropped } = counts();
      for (const [result, value] of Object.entries({ sent, refused, dropped })) events.inc({ result }, value);
    },
  });
  const waiting: Gauge = new Gauge({
    name: "image_security_denial_sink_waiting",
    help: "Denials that wait to be sent to the collector.",
    registers,
    collect: () => waiting.set(counts().waiting),
  });
}
