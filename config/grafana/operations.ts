import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { dashboardOf } from "./dashboard.ts";
import { BAD_ABOVE_ZERO, enforced, lines, number, table, WARN_ABOVE_ZERO, type Colours } from "./panels.ts";

const DAY = 86_400;
const EXPIRY: Colours = [["red"], ["orange", 30 * DAY], ["green", 80 * DAY]];
/** Every replica tells of the hosts that it leaves alone, most often of the same. */
const LEFT_ALONE = 'max by (registry) (image_security_registry_circuit_open{job=~"$job"})';
const DURATION = `sum by (le) (rate(image_security_admission_duration_seconds_bucket{job=~"$job"}[$__rate_interval]))`;
const rate = (metric: string, labels = ""): string => `rate(${metric}{job=~"$job"${labels}}[$__rate_interval])`;

/** For whoever runs the operator. */
export const operations: Dashboard = dashboardOf({
  uid: "image-security-operations",
  title: "Image security: operations",
  about: "How the operator is: admission, registries, audits, certificates, its processes.",
  variables: [],
  rows: {
    Now: [
      enforced(3),
      number("Replicas", 'count(image_security_leader{job=~"$job"})', {
        about: "That Prometheus reaches.",
        width: 3,
        colours: [["red"], ["orange", 1], ["green", 2]],
      }),
      number("Leaders", 'sum(image_security_leader{job=~"$job"})', {
        about: "One audits and writes. None: Violations and statuses are old. Look at the Lease image-security.",
        width: 3,
        colours: [["red"], ["green", 1], ["red", 2]],
      }),
      number("Audit age", 'time() - max(image_security_audit_last_success_timestamp_seconds{job=~"$job"})', {
        about: "Since the last complete audit: every 15 minutes, unless --audit-interval says otherwise.",
        width: 3,
        unit: "s",
        colours: [["green"], ["orange", 1_800], ["red", 2_700]],
      }),
      number("Time to decide, 99 %", `histogram_quantile(0.99, ${DURATION})`, {
        about: "The API server gives up after 10 s.",
        width: 3,
        unit: "s",
        colours: [["green"], ["orange", 1], ["red", 5]],
      }),
      number("Registries left alone", `sum(${LEFT_ALONE}) or vector(0)`, {
        about: "Hosts that could not be reached a moment ago and are not asked for some seconds (circuit breaker).",
        width: 3,
        colours: WARN_ABOVE_ZERO,
      }),
      number("Certificate ends in", 'min(image_security_certificate_expiry_timestamp_seconds{job=~"$job"}) - time()', {
        about: "The operator renews its own 90 days early.",
        width: 3,
        unit: "s",
        colours: EXPIRY,
      }),
      number(
        "Turned away, last hour",
        'round(sum(increase(image_security_reviews_turned_away_total{job=~"$job"}[1h]))) or vector(0)',
        {
          about: "Reviews that were not taken for want of room. The API server asks again.",
          width: 3,
          colours: BAD_ABOVE_ZERO,
        },
      ),
    ],
    Admission: [
      lines(
        "Requests by decision",
        { "{{decision}}": `sum by (decision) (${rate("image_security_admission_requests_total")})` },
        {
          about: "error: nobody could decide, and failurePolicy holds.",
          width: 8,
          unit: "reqps",
          stacked: true,
        },
      ),
      lines(
        "Time to decide",
        {
          median: `histogram_quantile(0.5, ${DURATION})`,
          "95 %": `histogram_quantile(0.95, ${DURATION})`,
          "99 %": `histogram_quantile(0.99, ${DURATION})`,
        },
        { about: "From the request's arrival to its decision.", width: 8, unit: "s" },
      ),
      lines(
        "Requests by kind and operation",
        { "{{operation}} {{kind}}": `sum by (kind, operation) (${rate("image_security_admission_requests_total")})` },
        {
          about: "What is being made and changed.",
          width: 8,
          unit: "reqps",
        },
      ),
      lines(
        "Share denied",
        {
          denied: `(sum(${rate("image_security_admission_requests_total", ',decision="deny"')}) or vector(0)) / sum(${rate("image_security_admission_requests_total")})`,
        },
        { about: "Of all requests.", width: 8, unit: "percentunit" },
      ),
      lines(
        "Reviews in hand",
        { "{{instance}}": 'image_security_reviews_in_hand{job=~"$job"}' },
        {
          about: "That wait for evidence; at most 1,000, and a quarter of it for one namespace.",
          width: 8,
        },
      ),
      lines(
        "Reviews turned away",
        { "{{why}}": `sum by (why) (${rate("image_security_reviews_turned_away_total")})` },
        {
          about: "For want of room: in all, of a namespace, of an address, of bytes; or whose body came too slowly.",
          width: 8,
          unit: "reqps",
        },
      ),
    ],
    "Who asks, and certificates": [
      lines(
        "Who posts reviews",
        { "{{caller}} {{result}}": `sum by (caller, result) (${rate("image_security_webhook_callers_total")})` },
        {
          about:
            "caller is a place in --webhook-client-names. What is not accepted is an API server that is not set up, or somebody who has no business there.",
          width: 8,
          unit: "reqps",
        },
      ),
      number(
        "Unauthenticated, last hour",
        'round(sum(increase(image_security_webhook_callers_total{job=~"$job",result!="accepted"}[1h]))) or vector(0)',
        {
          about: "Reviews of somebody who did not prove to be an API server.",
          width: 4,
          colours: WARN_ABOVE_ZERO,
        },
      ).height(8),
      table(
        "Certificates end in",
        { caller: "API server" },
        [
          {
            title: "Client certificate ends in",
            expr: 'min by (caller) (image_security_webhook_client_certificate_expiry_timestamp_seconds{job=~"$job"}) - time()',
            unit: "s",
          },
        ],
        {
          about: "With which API servers ask. Enforced, an expired one stops every pod.",
          width: 6,
          order: "ascending",
        },
      ),
      lines(
        "Webhook certificate ends in",
        { "{{instance}}": 'image_security_certificate_expiry_timestamp_seconds{job=~"$job"} - time()' },
        {
          about: "It jumps up when it was renewed.",
          width: 6,
          unit: "s",
        },
      ),
    ],
    "Evidence and registries": [
      lines(
        "Requests to registries",
        {
          "{{registry}} {{operation}}": `sum by (registry, operation) (${rate("image_security_registry_requests_total")})`,
        },
        {
          about: "By the registries that policies name, else other.",
          width: 8,
          unit: "reqps",
        },
      ),
      lines(
        "Registry answers that are errors",
        {
          "{{registry}} {{code}}": `sum by (registry, code) (${rate("image_security_registry_requests_total", ',code!~"2..|3..|404"')})`,
        },
        {
          about: "The HTTP status, or why there was none. 404 is an answer.",
          width: 8,
          unit: "reqps",
        },
      ),
      lines(
        "Time of a registry request, 95 %",
        {
          "{{registry}}": `histogram_quantile(0.95, sum by (le, registry) (${rate("image_security_registry_request_duration_seconds_bucket")}))`,
        },
        {
          about: "Its body included.",
          width: 8,
          unit: "s",
        },
      ),
      lines(
        "Registries left alone",
        { "{{registry}}": LEFT_ALONE },
        {
          about: "Hosts that could not be reached a moment ago (circuit breaker open).",
          width: 8,
        },
      ),
      lines(
        "Answered from the cache",
        {
          "{{kind}}": `sum by (kind) (${rate("image_security_evidence_cache_requests_total", ',result="hit"')}) / sum by (kind) (${rate("image_security_evidence_cache_requests_total")})`,
        },
        {
          about: "Share of the questions.",
          width: 8,
          unit: "percentunit",
        },
      ),
      lines(
        "Evidence that could not be had",
        { "{{kind}}: {{cause}}": `sum by (kind, cause) (${rate("image_security_evidence_unavailable_total")})` },
        {
          about: "What it means for admission is each policy's onUnavailable.",
          width: 8,
          unit: "cps",
        },
      ),
    ],
    "Denials for the collector": [
      lines(
        "Denials sent",
        { "{{result}}": `sum by (result) (${rate("image_security_denial_sink_events_total")})` },
        {
          about: "With --denial-sink: what the collector took, would not take, or what there was no room or time for.",
          width: 12,
          unit: "cps",
        },
      ),
      lines(
        "Denials that wait",
        { "{{instance}}": 'image_security_denial_sink_waiting{job=~"$job"}' },
        {
          about: "The queue is bounded: what does not fit is dropped, and stays in the log.",
          width: 12,
        },
      ),
    ],
    "Audits and watches": [
      lines(
        "Time of a complete audit",
        { audit: 'max(image_security_audit_duration_seconds{job=~"$job"})' },
        { about: "Of the cluster.", width: 6, unit: "s" },
      ),
      lines(
        "What it looked at",
        {
          pods: 'max(image_security_audit_pods{job=~"$job"})',
          images: 'max(image_security_audit_images{job=~"$job"})',
        },
        { about: "Pods that have not finished, and their distinct images.", width: 6 },
      ),
      lines(
        "Policies",
        { "{{state}}": 'max by (state) (image_security_policies{job=~"$job"})' },
        { about: "kubectl get isp -o wide says why one is not ready.", width: 6 },
      ),
      lines(
        "Since the last sign of a watch",
        {
          "{{resource}}": 'max by (resource) (time() - image_security_watch_last_event_timestamp_seconds{job=~"$job"})',
        },
        {
          about: "The API server sends a bookmark about every minute. A watch that is silent for 90 s is replaced.",
          width: 6,
          unit: "s",
        },
      ),
    ],
    Processes: [
      lines(
        "Who leads",
        { "{{instance}}": 'image_security_leader{job=~"$job"}' },
        { about: "1 for the one that audits and writes.", width: 6 },
      ),
      lines("CPU", { "{{instance}}": rate("process_cpu_seconds_total") }, { about: "Cores.", width: 6 }),
      lines(
        "Memory",
        {
          "{{instance}} resident": 'process_resident_memory_bytes{job=~"$job"}',
          "{{instance}} heap": 'nodejs_heap_size_used_bytes{job=~"$job"}',
        },
        { about: "The container's limit is 1 GiB.", width: 6, unit: "bytes" },
      ),
      lines(
        "Event loop lag, 99 %",
        { "{{instance}}": 'nodejs_eventloop_lag_p99_seconds{job=~"$job"}' },
        {
          about: "How long a request waits for its turn.",
          width: 6,
          unit: "s",
        },
      ),
      table(
        "Versions",
        { instance: "Replica", version: "Version", node: "Node.js" },
        [{ title: "Replicas", expr: 'sum by (instance, version, node) (image_security_build_info{job=~"$job"})' }],
        {
          about: "Of each replica; an upgrade is done when they agree.",
          width: 12,
          order: "descending",
        },
      ),
      lines(
        "Garbage collection",
        { "{{kind}}": `sum by (kind) (${rate("nodejs_gc_duration_seconds_sum")})` },
        {
          about: "Share of a core.",
          width: 12,
          unit: "percentunit",
        },
      ),
    ],
  },
});
