import { fieldsOf, textOf } from "../json/fields.ts";

/** The string values of a map, such as labels. */
export function labelsOf(value: unknown): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const [name, text] of Object.entries(fieldsOf(value))) {
    // `__proto__` is a legal JSON name, and an assignment to it would not make a property.
    if (typeof text === "string" && name !== "__proto__") labels[name] = text;
  }
  return labels;
}

/** What every object carries. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Whether these are one object in one version. */
export const isSameVersion = (
  one: Pick<Metadata, "uid" | "resourceVersion">,
  other: Pick<Metadata, "uid" | "resourceVersion">,
): boolean => one.uid === other.uid && one.resourceVersion === other.resourceVersion;

export function metadataOf(value: unknown): Metadata {
  const metadata = fieldsOf(fieldsOf(value)["metadata"]);
  return {
    name: textOf(metadata["name"]),
    namespace: textOf(metadata["namespace"]),
    uid: textOf(metadata["uid"]),
    resourceVersion: textOf(metadata["resourceVersion"]),
  };
}
