import type { Reference } from "../../policy/image/reference.ts";
import type { ImagePlace, SourceScalar } from "./imagePlaces.ts";

/** A piece of a text that is replaced. Offsets are UTF-16 code units, as JavaScript counts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The image that a place says. */
export const imageOf = (place: ImagePlace): string =>
  place.type === "reference" ? place.image.text : `${place.name}:${place.tag.text}`;

/** Where the place begins, for the line that is shown. */
export const startOf = (place: ImagePlace): number =>
  place.type === "reference" ? place.image.start : place.tag.start;

/**
 * What has to change so that the place says the digest: the scalars alone, in the quotes that they have. `keepTag` leaves the tag beside it.
 * Charts build `repository:tag` themselves, so there the tag stays: with the digest behind it, or beside it where the chart has a key for it.
 */
export const pinEdits = (
  source: string,
  place: ImagePlace,
  { tag }: Reference,
  digest: string,
  keepTag: boolean,
): readonly Edit[] => {
  switch (place.type) {
    case "reference": {
      const { text } = place.image;
      const name = tag === undefined ? text : text.slice(0, -tag.length - 1);
      return [within(source, place.image, `${keepTag ? text : name}@${digest}`)];
    }
    case "values":
      return place.digest === undefined
        ? [within(source, place.tag, `${place.tag.text}@${digest}`)]
        : [within(source, place.digest, digest)];
    case "kustomize":
      return keepTag
        ? [beside(source, place, digest)]
        : [within(source, place.key, "digest"), within(source, place.tag, digest)];
  }
};

/** The text with all of the edits, which do not overlap. */
export const applyEdits = (source: string, edits: readonly Edit[]): string => {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text } of edits.toSorted((a, b) => a.start - b.start)) {
    parts.push(source.slice(at, start), text);
    at = end;
  }
  return [...parts, source.slice(at)].join("");
};

/** A value that was left empty has no text of its own: it is written behind the colon. */
const within = (source: string, { start, end }: SourceScalar, text: string): Edit => {
  if (start === end) return { start, end, text: source[start - 1] === ":" ? ` ${text}` : text };
  const quote = source[start];
  return { start, end, text: quote === '"' || quote === "'" ? `${quote}${text}${quote}` : text };
};

/** `digest` as a key of its own behind `newTag`: on the next line where each key has one, else behind a comma. */
const beside = (source: string, { key, tag }: ImagePlace & { readonly type: "kustomize" }, digest: string): Edit => {
  const line = source.lastIndexOf("\n", key.start - 1) + 1;
  const before = source.slice(line, key.start);
  if (!/^[\s-]*$/.test(before)) return { start: tag.end, end: tag.end, text: `, digest: ${digest}` };
  const next = source.indexOf("\n", tag.end);
  const end = next < 0 ? source.length : source[next - 1] === "\r" ? next - 1 : next;
  const newline = source.includes("\r\n") ? "\r\n" : "\n";
  return { start: end, end, text: `${newline}${before.replaceAll("-", " ")}digest: ${digest}` };
};
