import type { BaseImages } from "../../crds/types.ts";
import type { PolicyFault } from "../compiledPolicy.ts";
import type { BaseImagesRule } from "../compiledRules.ts";
import { authoritySet, type CompiledAuthorities } from "./authorities.ts";
import { ruleFaults } from "./ruleFaults.ts";

export interface CompiledBaseImages {
  readonly rule: BaseImagesRule;
  readonly faults: readonly PolicyFault[];
}

/** Compiles `spec.baseImages`. */
export const compileBaseImages = (spec: BaseImages, compiled: CompiledAuthorities): CompiledBaseImages => {
  const faults = ruleFaults();
  const deprecated = (spec.deprecated ?? []).flatMap(({ image, replacement }, index) =>
    (faults.patterns([image], `spec.baseImages.deprecated[${index}].image`) ?? []).map((pattern) => ({
      image: pattern,
      replacement,
    })),
  );
  const allow = faults.patterns(spec.allow, "spec.baseImages.allow");
  return {
    rule: {
      allow,
      deprecated,
      required: spec.required ?? false,
      ...(spec.authorities === undefined ? {} : { authorities: authoritySet(spec.authorities, compiled) }),
      ...faults.asField(),
    },
    faults: faults.faults,
  };
};
