import { Counter, type Registry } from "prom-client";
import type { CallerRecord } from "../../webhook/callers/callerRecord.ts";
import { addScrapedGauge } from "./scrapedGauge.ts";

/**
 * Who posts reviews. `caller` is a place in the list of --webhook-client-names, else `other`: strangers choose their own names, and a label
 * must not grow by them.
 */
export function addCallerMetrics(registers: Registry[], record: Pick<CallerRecord, "counts" | "expiries">): void {
  const callers = new Counter({
    name: "image_security_webhook_callers_total",
    help: "Reviews by their sender (its place in --webhook-client-names, else other) and what was found of it; accepted is good.",
    labelNames: ["caller", "result"],
    registers,
    collect: () => {
      callers.reset();
      for (const { caller, result, value } of record.counts()) callers.inc({ caller, result }, value);
    },
  });
  addScrapedGauge(registers, {
    name: "image_security_webhook_client_certificate_expiry_timestamp_seconds",
    help: "When the client certificate expires with which an API server posts reviews.",
    labelNames: ["caller"],
    series: () => Array.from(record.expiries(), ({ caller, expires }) => [{ caller }, expires / 1_000]),
  });
}
