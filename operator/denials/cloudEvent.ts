import type { Denial } from "../../webhook/review/denial.ts";

/** CloudEvents 1.0, JSON event format: what collectors may switch on. */
export const DENIED = "dev.imagesecurity.admission.denied";
/** Batched content mode of its HTTP binding. */
export const BATCH_TYPE = "application/cloudevents-batch+json; charset=utf-8";

/** The event of one denial as JSON. `time` in milliseconds since the epoch. */
export function cloudEvent(denial: Denial, source: string, time: number): string {
  const { namespace, kind, name } = denial;
  return JSON.stringify({
    specversion: "1.0",
    type: DENIED,
    source,
    // The API server gives each request one: with the source it names the event, however often it is delivered.
    id: denial.uid,
    // An object that gets its name from the API server may not have the beginning of one.
    subject: [namespace, kind, name].filter((part) => part !== "").join("/"),
    time: new Date(time).toISOString(),
    datacontenttype: "application/json",
    data: denial,
  });
}

/** Whose events they are: a URI reference, the same for all replicas of an installation. */
export const sourceOf = (cluster: string | undefined, namespace: string): string =>
  `/image-security/${cluster === undefined ? "" : `clusters/${cluster}/`}namespaces/${namespace}`;
