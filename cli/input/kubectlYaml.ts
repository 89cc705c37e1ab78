import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Document,
  type LineCounter,
  type Pair,
  type ScalarTag,
  type YAMLMap,
} from "yaml";

/** Something in a text that kubectl reads in another way than other programs do, and where it begins. */
export interface Ambiguity {
  readonly start: number;
  /** What it is, and what to write instead. */
  readonly message: string;
}

/** `kind: !!binary UG9k` is a Pod to kubectl, and `UG9k` to who does not know the tag of YAML 1.1. */
const BINARY: ScalarTag = {
  tag: "tag:yaml.org,2002:binary",
  resolve: (text: string) => Buffer.from(text, "base64").toString("utf8"),
};

/** The documents of a text, with what kubectl knows of YAML 1.1: merge keys, and text in base64. */
export const parseDocuments = (text: string, lineCounter: LineCounter): readonly Document[] =>
  parseAllDocuments(text, {
    lineCounter,
    merge: true,
    customTags: (tags) => [...tags, BINARY],
    logLevel: "silent",
  });

/**
 * Line ends of YAML 1.1 that no longer are any, or that not every reader takes for one, and a byte order mark where a
 * line begins, which kubectl skips: what stands behind them is a comment to one reader and an image to the other.
 */
const LINE_END = /[\u0085\u2028\u2029]|\r(?!\n)|(?<=[\r\n\u{FEFF}])\u{FEFF}/u;

/** Reads the text before it is parsed. JSON has neither comments nor lines, and one reading. */
export const ambiguousText = (text: string): Ambiguity | undefined => {
  const start = text.search(LINE_END);
  if (start < 0 || isJson(text)) return undefined;
  const code = text.charCodeAt(start).toString(16).toUpperCase().padStart(4, "0");
  const what = `the character U+${code}, which ends a line or begins one for kubectl and not for others`;
  return { start, message: `has ${what}; take it away, or write it as "\\u${code}" in double quotes` };
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text.replace(/^\u{FEFF}/u, ""));
    return true;
  } catch {
    return false;
  }
};

/** The maps of a document, outer ones first, each as its entries; a lone pair is one of one entry. Keys are not looked into. */
function* mapsOf(document: Document): Generator<readonly Pair[]> {
  const queue: unknown[] = [document.contents];
  for (const node of queue) {
    // One by one: a list may be longer than a call's arguments.
    if (isSeq(node)) for (const item of node.items) queue.push(item);
    const entries = isMap(node) ? node.items : isPair(node) ? [node] : [];
    for (const { value } of entries) queue.push(value);
    yield entries;
  }
}

/**
 * The first key of a document that is one to this reader alone: a list or a map (kubectl reads JSON up to its end, whatever follows),
 * or text behind a question mark, with which YAML 1.1 begins a key.
 */
export const ambiguousKey = (document: Document): Ambiguity | undefined => {
  for (const entries of mapsOf(document))
    for (const { key } of entries)
      if (isCollection(key) || (isScalar(key) && key.type === "PLAIN" && key.source?.startsWith("?") === true))
        return { start: startOf(key), message: "has a key that is no plain text; put it in double quotes" };
  return undefined;
};

/**
 * The first merge key of a document whose meaning depends on the reader. To kubectl (go-yaml 2) it overrides what is
 * written before it, and a second one the first; to kustomize, Helm's successors and YAML's own definition it never
 * overrides anything. Of a document in which every key is text.
 */
export const ambiguousMerge = (document: Document): Ambiguity | undefined => {
  const keys = new Map<YAMLMap, ReadonlySet<string>>();
  for (const entries of mapsOf(document)) {
    const written = new Set<string>();
    let merged = false;
    for (const { key, value } of entries) {
      const start = startOf(key);
      if (!isMergeKey(key)) written.add(keyText(key));
      else if (merged) return { start, message: `has "<<" twice in one map; write one, with a list: <<: [*a, *b]` };
      else {
        merged = true;
        const twice = [...mergedKeys(value, document, keys)].find((name) => written.has(name));
        if (twice !== undefined)
          return {
            start,
            message: `merges ${JSON.stringify(twice)} behind the one that is written before it, which then counts for some readers only; write "<<" first`,
          };
      }
    }
  }
  return undefined;
};

/** What a merge key brings: the keys of a map or of several, and of what these merge themselves. */
const mergedKeys = (
  value: unknown,
  document: Document,
  known: Map<YAMLMap, ReadonlySet<string>>,
): ReadonlySet<string> => {
  const node = isAlias(value) ? value.resolve(document) : value;
  if (isSeq(node)) return new Set(node.items.flatMap((item) => [...mergedKeys(item, document, known)]));
  if (!isMap(node)) return new Set();
  const before = known.get(node);
  if (before !== undefined) return before;
  const keys = new Set<string>();
  // A map that merges itself ends here.
  known.set(node, keys);
  for (const { key, value: inner } of node.items)
    if (isMergeKey(key)) for (const name of mergedKeys(inner, document, known)) keys.add(name);
    else keys.add(keyText(key));
  return keys;
};

const isMergeKey = (key: unknown): boolean =>
  isScalar(key) && (key.type === undefined || key.type === "PLAIN") && key.source === "<<";

const keyText = (key: unknown): string => (isScalar(key) ? String(key.value) : "");

const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
