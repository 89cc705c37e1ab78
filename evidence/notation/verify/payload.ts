import { field, textField } from "../../../json/fields.ts";
import { parseJson } from "../../../json/parse.ts";
import { Malformed } from "../proof.ts";
import { shown } from "./attributes.ts";

/** What is signed, and what is judged: all three parts have to be the same (signature specification, "Payload"). */
export interface Target {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Throws Malformed. */
export const readTarget = (payload: Uint8Array): Target => {
  const parsed = parseJson(payload);
  if (parsed.status === "malformed") throw new Malformed(`has a payload that ${parsed.message}`);
  const target = field(parsed.value, "targetArtifact");
  const [mediaType, digest, size] = [
    textField(target, "mediaType"),
    textField(target, "digest"),
    field(target, "size"),
  ];
  if (mediaType === undefined || digest === undefined || typeof size !== "number" || !Number.isSafeInteger(size))
    throw new Malformed("has a payload that names no artifact by media type, digest and size");
  return { mediaType, digest, size };
};

/** Why it is not about this image; undefined where it is. */
export const misfitOf = (signed: Target, image: Target): string | undefined => {
  if (signed.digest !== image.digest) return "is of another image";
  if (signed.mediaType !== image.mediaType)
    return `is of this digest as ${shown(signed.mediaType)}, and the image is ${shown(image.mediaType)}`;
  return signed.size === image.size
    ? undefined
    : `is of this digest with ${signed.size} bytes, and the image has ${image.size}`;
};
