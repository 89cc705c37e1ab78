import { isMap, isSeq, LineCounter, type Document } from "yaml";
import { field, isObject, textField, type JsonObject } from "../../json/fields.ts";
import { UsageError } from "../exitCode.ts";
import { ambiguousKey, ambiguousMerge, ambiguousText, parseDocuments, type Ambiguity } from "./kubectlYaml.ts";
import type { TextFile } from "./yamlFiles.ts";

/** A Kubernetes object of a file, and where its parts stand there. */
export interface Manifest {
  /** Of the file; `-` is standard input. */
  readonly path: string;
  readonly object: JsonObject;
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty where the object has none. */
  readonly name: string;
  readonly namespace: string;
  /** The line of a part, by the keys that lead to it, or of what holds it where it is not written; counted from 1. */
  readonly lineOf: (keys: readonly (string | number)[]) => number;
}

export interface ReadManifests {
  readonly manifests: readonly Manifest[];
  /** Documents that are no Kubernetes objects, such as the values of a chart. */
  readonly others: number;
}

/**
 * Every object of the files, those of a List one by one. Throws UsageError for what is no YAML, and for what kubectl would read as
 * something else: what cannot be read must not pass.
 */
export const readManifests = (files: readonly TextFile[]): ReadManifests => {
  const manifests: Manifest[] = [];
  let others = 0;
  for (const { path, text } of files) {
    const lines = new LineCounter();
    const refuse = (start: number, message: string): never => {
      throw new UsageError(`${path}:${lines.linePos(start).line}: ${message}`);
    };
    const demandOneReading = (ambiguity: Ambiguity | undefined): void => {
      if (ambiguity !== undefined) refuse(ambiguity.start, ambiguity.message);
    };
    const documents = parseDocuments(text, lines);
    demandOneReading(ambiguousText(text));
    for (const document of documents) {
      const [problem] = document.errors;
      if (problem !== undefined) refuse(problem.pos[0], `is no YAML: ${problem.message.split("\n", 1)[0]}`);
      demandOneReading(ambiguousKey(document));
      const value: unknown = valueOf(document, path);
      if (value === null || value === undefined) continue;
      // Files of other programs, which kubectl takes for nothing, may merge as they like.
      if (isObject(value) && "kind" in value) demandOneReading(ambiguousMerge(document));
      const found = objectsOf(value, [], path, (keys) => lineIn(document, lines, keys));
      if (found.length === 0) others += 1;
      manifests.push(...found);
    }
  }
  return { manifests, others };
};

const valueOf = (document: Document, path: string): unknown => {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    throw new UsageError(`${path}: cannot be read`, { cause: error });
  }
};

/**
 * An object, or those of a list. To kubectl everything with `items` is a list, whatever its kind, and an item that does not say what it
 * is is of the list's kind (UnstructuredJSONScheme); to others only what is called so.
 */
const objectsOf = (
  value: unknown,
  at: readonly (string | number)[],
  path: string,
  lineOf: Manifest["lineOf"],
): readonly Manifest[] => {
  const [apiVersion, kind] = [textField(value, "apiVersion"), textField(value, "kind")];
  if (!isObject(value) || kind === undefined) return [];
  const items = field(value, "items");
  const listed = Array.isArray(items)
    ? items.flatMap((item: unknown, index) =>
        objectsOf(itemOf(item, apiVersion, kind), [...at, "items", index], path, lineOf),
      )
    : [];
  if (apiVersion === undefined || (kind.endsWith("List") && Array.isArray(items))) return listed;
  const metadata = field(value, "metadata");
  return [
    {
      path,
      object: value,
      apiVersion,
      kind,
      name: textField(metadata, "name") ?? textField(metadata, "generateName") ?? "",
      namespace: textField(metadata, "namespace") ?? "",
      lineOf: (keys) => lineOf([...at, ...keys]),
    },
    ...listed,
  ];
};

const itemOf = (item: unknown, apiVersion: string | undefined, kind: string): unknown =>
  isObject(item) && !textField(item, "apiVersion") && !textField(item, "kind")
    ? { ...item, apiVersion, kind: kind.replace(/List$/, "") }
    : item;

/** As far as the keys lead: what a default or an alias gives has no place of its own. */
const lineIn = (document: Document, lines: LineCounter, keys: readonly (string | number)[]): number => {
  let node: unknown = document.contents;
  let start = offsetOf(node) ?? 0;
  for (const key of keys) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(key));
      start = offsetOf(pair?.key) ?? start;
      node = pair?.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      start = offsetOf(node) ?? start;
    } else break;
  }
  return lines.linePos(start).line;
};

const offsetOf = (node: unknown): number | undefined => {
  const range: unknown = typeof node === "object" && node !== null ? Reflect.get(node, "range") : undefined;
  return Array.isArray(range) && typeof range[0] === "number" ? range[0] : undefined;
};
