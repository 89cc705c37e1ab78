import { fieldsOf } from "../../json/fields.ts";
import { labelsOf } from "../../kube/object.ts";

/** A namespace's labels: all that policies ask of it. */
export type NamespaceRecord = Readonly<Record<string, string>>;

export const projectNamespace = (object: unknown): NamespaceRecord =>
  Object.freeze(labelsOf(fieldsOf(fieldsOf(object)["metadata"])["labels"]));

export const sameLabels = (before: NamespaceRecord, after: NamespaceRecord): boolean => {
  const names = Object.keys(before);
  return names.length === Object.keys(after).length && names.every((name) => before[name] === after[name]);
};
