import type { BaseImages } from "../../../crds/types.ts";
import type { AuthoritySet } from "../../authority.ts";
import type { ImagePattern } from "../../image/pattern.ts";
import type { Compiling } from "../compiling.ts";
import { compilePattern, compilePatterns } from "../patterns.ts";

export interface BaseImagesRule {
  readonly allow: readonly ImagePattern[] | undefined;
  readonly deprecated: readonly { readonly image: ImagePattern; readonly replacement: string }[];
  readonly required: boolean;
  /** Only attested provenance counts where it is set. */
  readonly authorities?: AuthoritySet;
  /** A part that did not compile: the rule answers EvidenceUnavailable (configuration). */
  readonly fault?: string;
}

/** Compiles `spec.baseImages`. */
export function compileBaseImages(
  spec: BaseImages,
  { authorities, faults }: Pick<Compiling, "authorities" | "faults">,
): BaseImagesRule {
  const deprecated = (spec.deprecated ?? []).flatMap(({ image, replacement }, index) => {
    const pattern = compilePattern(image, faults.at("deprecated", index, "image"));
    return pattern === undefined ? [] : [{ image: pattern, replacement }];
  });
  const allow = spec.allow === undefined ? undefined : compilePatterns(spec.allow, faults.at("allow")).patterns;
  return {
    allow,
    deprecated,
    required: spec.required ?? false,
    ...(spec.authorities === undefined ? {} : { authorities: authorities(spec.authorities, faults.at("authorities")) }),
    ...faults.asField(),
  };
}
