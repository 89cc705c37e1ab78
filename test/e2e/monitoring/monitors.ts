import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { Overlay } from "../config/kustomize.ts";
import type { Kubectl } from "../harness/kubectl.ts";
import type { Scraping } from "./prometheus.ts";

type Labels = Readonly<Record<string, string>>;

interface Endpoint {
  readonly port: string;
  readonly honorLabels?: boolean;
}

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Labels };
  readonly spec: {
    // A monitor's.
    readonly selector: Labels & { readonly matchLabels?: Labels };
    readonly endpoints?: readonly Endpoint[];
    readonly podMetricsEndpoints?: readonly Endpoint[];
    // A Service's.
    readonly ports?: readonly { readonly name: string; readonly targetPort: string }[];
    // A Deployment's.
    readonly template?: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: {
        readonly containers: readonly { readonly name: string; readonly ports: readonly { readonly name: string }[] }[];
      };
    };
  };
}

/** How Prometheus is to scrape the operator, by each of the components. */
export type Monitor = "ServiceMonitor" | "PodMonitor";

const COMPONENT: Readonly<Record<Monitor, string>> = { ServiceMonitor: "service-monitor", PodMonitor: "pod-monitor" };

/**
 * What the Prometheus Operator makes of a monitor over what is installed with it: whom it selects, and the labels that its relabelling
 * gives a target. Throws where it selects nothing or names a port that there is not.
 */
export const scrapingOf = async (monitor: Monitor, kubectl: Kubectl): Promise<Scraping> => {
  await using overlay = await Overlay.over(["default"], { components: [`components/${COMPONENT[monitor]}`] });
  const { stdout, stderr, code } = await kubectl("kustomize", overlay.folder);
  assert.equal(code, 0, stderr);
  // Ours, and applied by other tests.
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
  const of = (kind: string, matches: (one: Rendered) => boolean = () => true): Rendered => {
    const found = objects.filter((one) => one.kind === kind && matches(one));
    assert.equal(found.length, 1, `${monitor}: one ${kind} is selected`);
    return found[0]!;
  };
  const { spec, metadata } = of(monitor);
  const [endpoint, ...others] = spec.endpoints ?? spec.podMetricsEndpoints ?? [];
  assert.ok(endpoint !== undefined && others.length === 0);
  const selects = (selector: Labels, labels: Labels = {}): boolean =>
    Object.entries(selector).every(([name, value]) => labels[name] === value);
  const wanted = spec.selector.matchLabels ?? {};

  const service =
    monitor === "ServiceMonitor" ? of("Service", (one) => selects(wanted, one.metadata.labels)) : undefined;
  const workload = of("Deployment", (one) =>
    selects(service === undefined ? wanted : service.spec.selector, one.spec.template?.metadata.labels),
  );
  const port =
    service === undefined ? endpoint.port : service.spec.ports?.find(({ name }) => name === endpoint.port)?.targetPort;
  const container = workload.spec.template?.spec.containers.find(({ ports }) =>
    ports.some(({ name }) => name === port),
  );
  assert.ok(container !== undefined, `${monitor}: no container has a port ${port}`);
  // Without a namespaceSelector a monitor sees its own namespace alone.
  assert.equal(workload.metadata.namespace, metadata.namespace);
  return {
    honorLabels: endpoint.honorLabels ?? false,
    labels: {
      namespace: metadata.namespace,
      ...(service === undefined ? {} : { service: service.metadata.name }),
      job: service?.metadata.name ?? `${metadata.namespace}/${metadata.name}`,
      endpoint: endpoint.port,
      pod: "image-security-0",
      container: container.name,
    },
  };
};
