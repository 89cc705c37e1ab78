import assert from "node:assert/strict";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { createTracing } from "../../../operator/tracing/openTelemetry.ts";
import { startTracing, type Tracing } from "../../../operator/tracing/tracing.ts";
import type { AdmissionRequest } from "../../../webhook/review/admissionReview.ts";
import type { EvidenceMetrics } from "../../../evidence/metrics.ts";
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
    const off = await startTracing({ tracing: false }, "1.2.3");
    const handle = (): never => assert.fail("not asked");
    assert.equal(off.reviews("validate", handle), handle);
    assert.equal(off.requests(metrics), metrics);
    assert.equal(off.proofs(verifier), verifier);
  });
});
