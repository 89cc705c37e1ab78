import { ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Log } from "../../kube/log.ts";

/** Where spans go; `off`: nowhere, and why. */
export type Export =
  | { readonly status: "on"; readonly exporter: SpanExporter }
  | { readonly status: "off"; readonly why: string };

/**
 * What the standard variables ask for of which the SDK's packages know nothing: whether, and in which protocol. Endpoint, headers and the rest the
 * exporters read themselves. An empty variable is one that is not set
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 */
export const createExport = (env: Readonly<Record<string, string | undefined>>): Export => {
  if (env["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true")
    return { status: "off", why: "OTEL_SDK_DISABLED is true" };
  const kind = env["OTEL_TRACES_EXPORTER"] || "otlp";
  if (kind !== "otlp") return { status: "off", why: `OTEL_TRACES_EXPORTER is ${kind}; write otlp, or leave it out` };
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"] || "http/protobuf";
  switch (protocol) {
    case "http/protobuf":
      return { status: "on", exporter: new ProtobufExporter() };
    case "http/json":
      return { status: "on", exporter: new JsonExporter() };
    default:
      return {
        status: "off",
        why: `OTEL_EXPORTER_OTLP_PROTOCOL is ${protocol}; write http/protobuf or http/json, and the collector's port for OTLP over HTTP (4318)`,
      };
  }
};

/** Says when spans begin to be lost and when they arrive again: a line each, whatever the traffic. */
export const telling = (exporter: SpanExporter, log: Pick<Log, "warn" | "info">): SpanExporter => {
  let lost = 0;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.code === ExportResultCode.SUCCESS) {
          if (lost > 0) log.info("spans arrive at the collector again", { lost });
          lost = 0;
        } else {
          if (lost === 0)
            log.warn(
              `spans do not arrive at the collector and are lost, until they do: ${result.error?.message ?? "no cause"}; ` +
                "see OTEL_EXPORTER_OTLP_ENDPOINT",
            );
          lost += spans.length;
        }
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
};
