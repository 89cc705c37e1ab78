import { baseUrl } from "../checks.ts";
import { text, toggle } from "../kinds.ts";
import type { Setting } from "../setting.ts";

/** Who else is told of what the operator sees. */

export const clusterName: Setting<string | undefined> = text("--cluster-name <TEXT>", {
  fallback: undefined,
  check: (value) =>
    /^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/.test(value)
      ? undefined
      : `${JSON.stringify(value)} is no name; write letters, digits, dots, - and _`,
  description: "What collectors that several clusters report to call this one.",
});

export const denialSink: Setting<string | undefined> = text("--denial-sink <URL>", {
  fallback: undefined,
  check: baseUrl("https:", "http:"),
  description: "Where every denial is posted to, as batches of CloudEvents; never waited for.",
});

export const denialSinkHeadersFile: Setting<string | undefined> = text("--denial-sink-headers-file <PATH>", {
  fallback: undefined,
  description: "File of headers for it, a `Name: value` on each line, such as a token; read again when it changes.",
});

export const denialSinkCa: Setting<string | undefined> = text("--denial-sink-ca <PATH>", {
  fallback: undefined,
  description: "PEM file of the authorities of its certificate; default: those that Node.js knows.",
});

export const openReports: Setting<boolean> = toggle("--open-reports", {
  fallback: false,
  description:
    "Write violations as Reports of openreports.io/v1alpha1 too, where its CRDs are; at most --max-violations.",
});

export const tracing: Setting<boolean> = toggle("--tracing", {
  fallback: false,
  description:
    "Send OpenTelemetry spans of reviews, registry requests and proofs; where to, by the standard OTEL_* variables.",
});
