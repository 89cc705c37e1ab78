import assert from "node:assert/strict";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { telling } from "../../../operator/tracing/exporter.ts";
import { createTracing } from "../../../operator/tracing/openTelemetry.ts";
import { startTracing, type Tracing } from "../../../operator/tracing/tracing.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import type { EvidenceMetrics } from "../../../evidence/metrics.ts";
import { SILENT } from "../../../kube/log.ts";
import { Collector } from "./collector.ts";
import type { CandidateVerifier } from "../../../evidence/sigstore/verify/candidateVerifier.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

/** Nothing but what a span tells of. */
const request = {
  uid: "u1",
  operation: "CREATE",
  namespace: "web",
  kind: { kind: "Pod" },
} as unknown as AdmissionRequest;
const counted: string[] = [];
const metrics: EvidenceMetrics = {
  registryRequest: (registry) => void counted.push(registry),
  cacheRequest: () => undefined,
  unavailable: () => undefined,
};
const verifier = {
  examine: () => ({ status: "read", kind: "signature", predicateType: "", verdicts: new Map() }),
  close: () => Promise.resolve(),
} as unknown as CandidateVerifier;

describe("traces", () => {
  let exporter: InMemorySpanExporter;
  let tracing: Tracing;
  let spans: Map<string, ReadableSpan>;

  beforeEach(() => {
    exporter = new InMemorySpanExporter();
    tracing = createTracing("1.2.3", exporter);
  });

  /** What one review does, and the spans of it. */
  const review = async (work: () => Promise<void>, traceparent?: string): Promise<void> => {
    const handle = tracing.reviews("validate", async () => {
      await work();
      return { uid: "u1", allowed: false, warnings: ["one"] };
    });
    // An exporter in memory forgets at its shutdown, so what was given is taken before it.
    const kept: ReadableSpan[] = [];
    exporter.export = (given, done) => {
      kept.push(...given);
      done({ code: 0 });
    };
    await Promise.resolve(handle(request, AbortSignal.timeout(1_000), traceparent)).catch(() => undefined);
    await tracing.close();
    spans = new Map(kept.map((span) => [span.name, span]));
  };

  it("have the admission, what was asked of a registry and what was proved in one tree, below the API server's own span", async () => {
    await review(async () => {
      await new Promise(setImmediate);
      tracing.requests(metrics).registryRequest("registry.company.com", "manifest", "200", 0.25);
      await tracing.proofs(verifier).examine({ candidate: { type: "bundle" } } as never, AbortSignal.timeout(1_000));
    }, `00-${TRACE}-${CALLER}-01`);
    const [admission, asked, proof] = ["admission validate", "registry manifest", "proof"].map((name) =>
      spans.get(name),
    );
    assert.ok(admission !== undefined && asked !== undefined && proof !== undefined);
    assert.equal(admission.spanContext().traceId, TRACE);
    assert.equal(admission.parentSpanContext?.spanId, CALLER);
    for (const child of [asked, proof]) assert.equal(child.parentSpanContext?.spanId, admission.spanContext().spanId);
    assert.deepEqual(admission.attributes, {
      "k8s.namespace.name": "web",
      "image_security.uid": "u1",
      "image_security.operation": "CREATE",
      "image_security.kind": "Pod",
      "image_security.allowed": false,
      "image_security.warnings": 1,
    });
    assert.deepEqual(asked.attributes, { "server.address": "registry.company.com", "image_security.code": "200" });
    assert.ok(Math.abs(asked.duration[0] + asked.duration[1] / 1e9 - 0.25) < 0.05, `${asked.duration.join(".")} s`);
    assert.equal(proof.attributes["image_security.result"], "read");
    assert.equal(admission.resource.attributes["service.version"], "1.2.3");
    assert.deepEqual(counted, ["registry.company.com"], "the metrics are told as before");
  });

  it("begin anew where the caller sent no context, or none that can be read", async () => {
    await review(async () => undefined, "00-nothing-01");
    assert.equal(spans.get("admission validate")?.parentSpanContext, undefined);
  });

  it("say what failed, and let it fail", async () => {
    const failing = tracing.reviews("mutate", () => {
      throw new TypeError("no");
    });
    assert.throws(() => failing(request, AbortSignal.timeout(1_000)), TypeError);
    await review(() => Promise.reject(new RangeError("gone")));
    assert.deepEqual(
      [spans.get("admission validate")?.status, spans.get("admission mutate")?.status],
      [
        { code: 2, message: "RangeError" },
        { code: 2, message: "TypeError" },
      ],
    );
  });

  it("cost nothing where they are off: everything is what was given", async () => {
    const off = await startTracing({ tracing: false }, "1.2.3", SILENT);
    const handle = (): never => assert.fail("not asked");
    assert.equal(off.reviews("validate", handle), handle);
    assert.equal(off.requests(metrics), metrics);
    assert.equal(off.proofs(verifier), verifier);
  });

  describe("go where the standard variables say", () => {
    const before = { ...process.env };
    let lines: string[];
    let collector: Collector;
    const log = {
      warn: (message: string) => void lines.push(`warn ${message}`),
      info: (message: string) => void lines.push(`info ${message}`),
    };
    beforeEach(async () => {
      lines = [];
      collector = await Collector.start();
      process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = new URL(collector.url).origin;
    });
    afterEach(async () => {
      for (const name of Object.keys(process.env)) if (name.startsWith("OTEL_")) delete process.env[name];
      Object.assign(process.env, before);
      await collector[Symbol.asyncDispose]();
    });
    /** What becomes of one review's spans. */
    const traced = async (variables: Readonly<Record<string, string>>): Promise<void> => {
      Object.assign(process.env, variables);
      const started = await startTracing({ tracing: true }, "1.2.3", log);
      await started.reviews("validate", () => ({ uid: "u1", allowed: true }))(request, AbortSignal.timeout(1_000));
      await started.close();
    };

    const protocols: readonly (readonly [Readonly<Record<string, string>>, type: string])[] = [
      [{}, "application/x-protobuf"],
      [{ OTEL_TRACES_EXPORTER: "", OTEL_EXPORTER_OTLP_PROTOCOL: "" }, "application/x-protobuf"],
      [{ OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }, "application/json"],
      [
        { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf" },
        "application/x-protobuf",
      ],
    ];
    for (const [variables, type] of protocols)
      it(`as ${type} with ${JSON.stringify(variables)}`, async () => {
        await traced(variables);
        assert.deepEqual(
          collector.requests.map(({ headers }) => headers["content-type"]),
          [type],
        );
        assert.match(collector.requests[0]?.body ?? "", /admission validate/);
        assert.deepEqual(lines, []);
      });

    const off: readonly (readonly [Readonly<Record<string, string>>, why: RegExp])[] = [
      [{ OTEL_SDK_DISABLED: "TRUE" }, /^warn no spans are sent: OTEL_SDK_DISABLED is true$/],
      [{ OTEL_TRACES_EXPORTER: "none" }, /OTEL_TRACES_EXPORTER is none/],
      [{ OTEL_TRACES_EXPORTER: "zipkin" }, /OTEL_TRACES_EXPORTER is zipkin; write otlp/],
      [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /PROTOCOL is grpc; write http\/protobuf or http\/json.*4318/],
    ];
    for (const [variables, why] of off)
      it(`nowhere, and say why, with ${JSON.stringify(variables)}`, async () => {
        await traced(variables);
        assert.deepEqual(collector.requests, []);
        assert.equal(lines.length, 1);
        assert.match(lines[0] ?? "", why);
      });

    it("and say what is wrong with one, but no header's value", async () => {
      await traced({ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "lots" });
      await traced({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret\u0001word" });
      assert.match(lines.join("\n"), /'lots' for OTEL_TRACES_SAMPLER_ARG/);
      assert.doesNotMatch(lines.join("\n"), /secret/);
    });

    it("and say once that they do not arrive, and once that they do again", async () => {
      const results = [1, 1, 0, 0];
      const exporter = telling(
        {
          export: (_, done) => done({ code: results.shift() ?? 0, error: new Error("connect ECONNREFUSED") }),
          shutdown: () => Promise.resolve(),
        },
        log,
      );
      for (let turn = 0; turn < 4; turn += 1) exporter.export([{} as ReadableSpan], () => undefined);
      assert.equal(lines.length, 2, lines.join("\n"));
      assert.match(lines[0] ?? "", /^warn spans do not arrive.*ECONNREFUSED; see OTEL_EXPORTER_OTLP_ENDPOINT$/);
      assert.match(lines[1] ?? "", /^info spans arrive/);
    });
  });
});
