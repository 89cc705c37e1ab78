import type { BaseClaim, BasesOutcome } from "../../../policy/facts/facts.ts";
import { unreadIn, type ImageParts } from "./imagePart.ts";

/** OCI image-spec, annotations.md. */
const BASE_NAME = "org.opencontainers.image.base.name";
const BASE_DIGEST = "org.opencontainers.image.base.digest";

type Labels = Readonly<Record<string, string>>;

interface Named extends Omit<BaseClaim, "platform"> {
  readonly name: string;
}

const claim = (labels: Labels): Named | undefined => {
  const name = labels[BASE_NAME];
  const digest = labels[BASE_DIGEST];
  if (name === undefined || name === "") return undefined;
  return { name, ...(digest === undefined || digest === "" ? {} : { digest }) };
};

/**
 * What an image declares of its base: in a manifest annotation, else a config label, else an annotation of the index
 * around it. Every place counts where they differ, so that a label cannot hide behind an annotation; and what one platform says counts
 * though another says nothing.
 */
export const declaredBases = (image: ImageParts): BasesOutcome => {
  const bases: BaseClaim[] = [];
  for (const part of image.parts) {
    if ("unread" in part) continue;
    const own = [claim(part.annotations), claim(part.config.labels)].filter((one) => one !== undefined);
    const around = image.isIndex ? claim(image.annotations) : undefined;
    const said = own.length > 0 ? own : around === undefined ? [] : [around];
    const distinct = said.filter((one, index) => said.findIndex((other) => other.name === one.name) === index);
    const claims: readonly Omit<BaseClaim, "platform">[] = distinct.length > 0 ? distinct : [{}];
    bases.push(
      ...claims.map((one) => ({ ...one, ...(part.platform === undefined ? {} : { platform: part.platform }) })),
    );
  }
  const unread = unreadIn(image);
  if (unread !== undefined) return { ...unread, rest: bases };
  return bases.some(({ name }) => name !== undefined)
    ? { status: "verified", value: bases }
    : { status: "absent", message: "the image does not say what it is built on" };
};
