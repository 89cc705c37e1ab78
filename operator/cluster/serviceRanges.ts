import type { KubeClient } from "../../kube/kubeClient.ts";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";
import type { Log } from "../../kube/log.ts";
import { Reflector } from "../../kube/cache/reflector.ts";

const GROUP = "/apis/networking.k8s.io/v1";

export interface ServiceRanges {
  /** CIDR ranges; the same array until they change. Empty where the cluster does not say. */
  readonly current: () => readonly string[];
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export interface ServiceRangesOptions {
  readonly client: KubeClient;
  readonly log: Log;
  readonly onAlive: (now: number) => void;
}

/** The cluster's own service ranges, as ServiceCIDR objects say them (Kubernetes 1.33 and later). */
export function createServiceRanges({ client, log, onAlive }: ServiceRangesOptions): ServiceRanges {
  let ranges: readonly string[] = [];
  let told = false;
  const watch = new Reflector<readonly string[]>({
    resource: "servicecidrs",
    client,
    log,
    onAlive,
    path: `${GROUP}/servicecidrs`,
    project: (object) =>
      listOf(fieldsOf(fieldsOf(object)["spec"])["cidrs"])
        .map(textOf)
        .filter((range) => range !== ""),
    absent: async (signal) => {
      const { status, body } = await client.request("GET", GROUP, { signal });
      const served = listOf(fieldsOf(body)["resources"]).some(
        (one) => textOf(fieldsOf(one)["name"]) === "servicecidrs",
      );
      const absent = status === 200 && !served;
      if (absent && !told) log.warn("this cluster does not say its service range: name it by --service-range");
      told ||= absent;
      return absent;
    },
  });
  watch.onChange(() => {
    ranges = [...new Set([...watch.store.values()].flat())].toSorted();
  });
  return { current: () => ranges, start: () => watch.start(), stop: () => watch.stop() };
}
