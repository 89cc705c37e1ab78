import { LineCounter, parseAllDocuments } from "yaml";
import { ambiguousText } from "../input/kubectlYaml.ts";
import { parseReference } from "../../policy/image/reference.ts";
import { imagePlaces } from "./imagePlaces.ts";
import { applyEdits, imageOf, pinEdits, startOf, type Edit } from "./pinEdits.ts";

/** What a tag names now, or why that could not be learnt. */
export type Resolution =
  | { readonly status: "resolved"; readonly digest: string }
  | { readonly status: "failed"; readonly message: string };

/** One image of a file. Lines count from 1. */
export interface MigratedImage {
  readonly line: number;
  readonly image: string;
  readonly outcome:
    /** `image` became this. */
    | { readonly status: "pinned"; readonly digest: string }
    /** It is as it was, because this is in the way. */
    | { readonly status: "left"; readonly message: string };
}

export type MigratedText =
  | { readonly status: "ok"; readonly text: string; readonly images: readonly MigratedImage[] }
  /** No YAML: the template of a chart, for one. */
  | { readonly status: "unreadable"; readonly line: number; readonly message: string };

export interface MigrateOptions {
  /** The file's name says that it is a kustomization. */
  readonly isKustomization: boolean;
  readonly keepTag: boolean;
  /** Words that stay as they are: an injector writes an image in their place. */
  readonly placeholders: readonly string[];
  /** Asked once for each different image. Never rejects. */
  readonly resolve: (image: string) => Promise<Resolution>;
}

/**
 * A file with the digests of its tags written in. Everything but the scalars that name images stays byte for byte: comments, order, quotes,
 * line ends. Images that have a digest already are passed over.
 */
export const migrateText = async (source: string, options: MigrateOptions): Promise<MigratedText> => {
  const lines = new LineCounter();
  const ambiguity = ambiguousText(source);
  const documents = parseAllDocuments(source, {
    lineCounter: lines,
    merge: true,
    uniqueKeys: false,
    logLevel: "silent",
  });
  if (ambiguity !== undefined)
    return { status: "unreadable", line: lines.linePos(ambiguity.start).line, message: ambiguity.message };
  const images: MigratedImage[] = [];
  const edits: Edit[] = [];
  for (const document of documents) {
    const [problem] = document.errors;
    if (problem !== undefined) {
      const { line } = lines.linePos(problem.pos[0]);
      return { status: "unreadable", line, message: firstLine(problem.message) };
    }
    const { places, unfit } = imagePlaces(document, options.isKustomization);
    for (const { start, image, why } of unfit)
      images.push({ line: lines.linePos(start).line, image, outcome: { status: "left", message: why } });
    const found = places.flatMap((place) => {
      const image = imageOf(place);
      if (options.placeholders.includes(image)) return [];
      const parsed = parseReference(image);
      const { line } = lines.linePos(startOf(place));
      if (parsed.status === "malformed") {
        images.push({ line, image, outcome: { status: "left", message: parsed.message } });
        return [];
      }
      return parsed.reference.digest === undefined ? [{ place, image, line, reference: parsed.reference }] : [];
    });
    const resolved = await Promise.all(found.map(async ({ image }) => options.resolve(image)));
    for (const [index, { place, image, line, reference }] of found.entries()) {
      const outcome = resolved[index];
      if (outcome?.status !== "resolved") {
        images.push({ line, image, outcome: { status: "left", message: outcome?.message ?? "was not asked for" } });
        continue;
      }
      edits.push(...pinEdits(source, place, reference, outcome.digest, options.keepTag));
      images.push({ line, image, outcome: { status: "pinned", digest: outcome.digest } });
    }
  }
  return { status: "ok", text: applyEdits(source, edits), images: images.toSorted((a, b) => a.line - b.line) };
};

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
