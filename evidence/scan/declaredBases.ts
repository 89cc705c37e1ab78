import type { BaseClaim } from "../../policy/facts.ts";
import type { Outcome } from "../../policy/outcome.ts";
import type { ImageParts } from "./imagePart.ts";

/** OCI image-spec, annotations.md. */
const BASE_NAME = "org.opencontainers.image.base.name";
const BASE_DIGEST = "org.opencontainers.image.base.digest";

type Labels = Readonly<Record<string, string>>;

const claim = (labels: Labels): Omit<BaseClaim, "platform"> | undefined => {
  const name = labels[BASE_NAME];
  const digest = labels[BASE_DIGEST];
  if (name === undefined || name === "") return undefined;
  return { name, ...(digest === undefined || digest === "" ? {} : { digest }) };
};

/**
 * What an image declares of its base: in a manifest annotation, else a config label, else an annotation of the index
 * around it. Every place counts where they differ, so that a label cannot hide behind an annotation.
 */
export const declaredBases = (image: ImageParts): Outcome<readonly BaseClaim[]> => {
  const bases: BaseClaim[] = [];
  for (const part of image.parts) {
    const own = [claim(part.annotations), claim(part.config.labels)].filter((one) => one !== undefined);
    const around = image.isIndex ? claim(image.annotations) : undefined;
    const said = own.length > 0 ? own : around === undefined ? [] : [around];
    if (said.length === 0) {
      return {
        status: "absent",
        message: `${part.platform === undefined ? "the image" : part.platform} does not say what it is built on`,
      };
    }
    const distinct = said.filter((one, index) => said.findIndex((other) => other.name === one.name) === index);
    bases.push(
      ...distinct.map((one) => ({ ...one, ...(part.platform === undefined ? {} : { platform: part.platform }) })),
    );
  }
  return { status: "verified", value: bases };
};
