import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { configFolder } from "./kustomize.ts";
import type { Scraping } from "./prometheus.ts";

interface ServiceMonitor {
  readonly spec: { readonly endpoints: readonly { readonly port: string; readonly honorLabels?: boolean }[] };
}

interface Service {
  readonly metadata: { readonly name: string; readonly namespace: string };
}

const manifest = async (...path: readonly string[]): Promise<unknown> =>
  parse(await readFile(join(configFolder(""), ...path), "utf8"));

/** What the Prometheus Operator makes of our ServiceMonitor: the labels that its relabelling gives a target of the Service. */
export const scrapingOfServiceMonitor = async (): Promise<Scraping> => {
  // Both are ours, and applied by other tests.
  const monitor = (await manifest("components", "service-monitor", "serviceMonitor.yaml")) as ServiceMonitor;
  const { metadata } = (await manifest("manager", "metricsService.yaml")) as Service;
  const [endpoint] = monitor.spec.endpoints;
  if (endpoint === undefined) throw new Error("the ServiceMonitor has no endpoint");
  return {
    honorLabels: endpoint.honorLabels ?? false,
    labels: {
      namespace: metadata.namespace,
      service: metadata.name,
      job: metadata.name,
      endpoint: endpoint.port,
      pod: "image-security-0",
      container: "operator",
    },
  };
};
