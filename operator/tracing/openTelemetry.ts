import { AsyncLocalStorage } from "node:async_hooks";
import {
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
} from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import { within } from "../../async/signals.ts";
import type { Log } from "../../kube/log.ts";
import type { Verification } from "../../evidence/sigstore/verify/candidateVerifier.ts";
import type { AdmissionResponse } from "../../webhook/review/admissionResponse.ts";
import { createExport, telling } from "./exporter.ts";
import type { Tracing } from "./tracing.ts";

/** Milliseconds for what waits at the end. */
const FLUSH_MS = 3_000;

/**
 * Spans by OTLP over HTTP. Whether, where to, how many and under which name is said by the standard environment variables (OTEL_SDK_DISABLED,
 * OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES).
 * undefined: they say that there are none, or what cannot be done, which is logged. Spans guard nothing: an operator starts without them.
 */
export const startOpenTelemetry = (version: string, log: Pick<Log, "warn" | "info">): Tracing | undefined => {
  // What the SDK's packages find wrong with variables while they are read; a header's value is a credential.
  const warn = (message: string): void =>
    void log.warn(
      `tracing: ${message.replace(/^Header .*/s, "a header in OTEL_EXPORTER_OTLP_HEADERS is invalid and left out")}`,
    );
  const ignored = (): void => undefined;
  diag.setLogger({ error: warn, warn, info: ignored, debug: ignored, verbose: ignored }, DiagLogLevel.WARN);
  try {
    const wanted = createExport(process.env);
    if (wanted.status === "on") return createTracing(version, telling(wanted.exporter, log));
    log.warn(`no spans are sent: ${wanted.why}`);
    return undefined;
  } finally {
    // From now on the exporter's own results say what there is to say, once.
    diag.disable();
  }
};

/** Spans of reviews, in batches to this exporter. */
export const createTracing = (version: string, exporter: SpanExporter): Tracing => {
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "image-security", "service.version": version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer("image-security", version);
  /** The review that is judged: what it asks for is begun inside it, also where others wait for the same answer. */
  const active = new AsyncLocalStorage<Context>();
  const parent = (): Context => active.getStore() ?? ROOT_CONTEXT;

  return {
    reviews: (endpoint, handle) => (request, signal, traceparent) => {
      const caller = traceparent === undefined ? null : parseTraceParent(traceparent);
      const before = caller === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...caller, isRemote: true });
      const attributes = {
        "k8s.namespace.name": request.namespace,
        "image_security.uid": request.uid,
        "image_security.operation": request.operation,
        "image_security.kind": request.kind.kind,
      };
      const span = tracer.startSpan(`admission ${endpoint}`, { kind: SpanKind.SERVER, attributes }, before);
      return spanned(
        span,
        () => active.run(trace.setSpan(before, span), () => handle(request, signal)),
        (answer: AdmissionResponse) => {
          span.setAttribute("image_security.allowed", answer.allowed);
          span.setAttribute("image_security.warnings", answer.warnings?.length ?? 0);
        },
      );
    },
    requests: (metrics) => ({
      ...metrics,
      registryRequest: (registry, operation, code, seconds) => {
        metrics.registryRequest(registry, operation, code, seconds);
        const attributes = { "server.address": registry, "image_security.code": code };
        const startTime = Date.now() - seconds * 1_000;
        const span = tracer.startSpan(
          `registry ${operation}`,
          { kind: SpanKind.CLIENT, startTime, attributes },
          parent(),
        );
        // What is no status is why there was none.
        if (!/^[1-4]/.test(code)) span.setStatus({ code: SpanStatusCode.ERROR, message: code });
        span.end();
      },
    }),
    proofs: (verifier) => ({
      ...verifier,
      examine: (question, signal) => {
        const span = tracer.startSpan(
          "proof",
          { attributes: { "image_security.candidate": question.candidate.type } },
          parent(),
        );
        return spanned(
          span,
          () => verifier.examine(question, signal),
          (result: Verification) => span.setAttribute("image_security.result", result.status),
        );
      },
    }),
    close: async () => {
      // A collector that is away must not hold the end up; what it misses is lost.
      await within(provider.shutdown(), { milliseconds: FLUSH_MS }, () => undefined).catch(() => undefined);
    },
  };
};

/** Ends the span when the work has ended, whichever way; `tell` is told of its result. */
const spanned = <T, Given extends T | Promise<T>>(span: Span, work: () => Given, tell: (result: T) => void): Given => {
  const ended = (result: T): void => {
    tell(result);
    span.end();
  };
  const failed = (error: unknown): void => {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "failed" });
    span.end();
  };
  try {
    const given = work();
    if (given instanceof Promise) void given.then(ended, failed);
    else ended(given as T);
    return given;
  } catch (error) {
    failed(error);
    throw error;
  }
};
