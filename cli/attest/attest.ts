import { BUNDLE_TYPE, bundleAnnotations } from "../../evidence/sigstore/find/formats.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { UsageError } from "../exitCode.ts";
import { registrySettingsOf, type RegistryFlags } from "../registryFlags.ts";
import type { AttestFlags } from "./flags.ts";
import { passedImages, type JudgedObject } from "./passedImages.ts";
import { createReferrerPusher } from "./referrerPusher.ts";
import { createSigner } from "./signStatement.ts";
import { VERIFICATION_SUMMARY, verificationSummary } from "./verificationSummary.ts";

/** What became of one image. */
export type Attested =
  | {
      readonly status: "published";
      readonly image: string;
      /** `registry/repository@digest` of what refers to the image. */ readonly at: string;
    }
  | { readonly status: "notPassed" | "failed"; readonly image: string; readonly why: string };

export interface Attester {
  /** Signs and publishes for each image that passed; one that fails does not keep the others. */
  readonly publish: (
    objects: readonly JudgedObject[],
    policies: readonly CompiledPolicy[],
  ) => Promise<readonly Attested[]>;
}

/** Ready to sign, before anything is judged. Throws UsageError where there is nobody to sign as. */
export const createAttester = async (flags: AttestFlags & RegistryFlags): Promise<Attester> => {
  const sign = await createSigner(flags, process.env);
  return {
    publish: async (objects, policies) => {
      const { passed, others } = passedImages(objects, policies);
      const pusher = await createReferrerPusher(registrySettingsOf(flags));
      const published: Attested[] = [];
      try {
        for (const one of passed) {
          const image = `${one.reference.name}@${one.reference.digest}`;
          try {
            const bundle = await sign(verificationSummary(one, Date.now()));
            const digest = await pusher.push(one.reference, {
              artifactType: BUNDLE_TYPE,
              bytes: new TextEncoder().encode(bundle),
              annotations: {
                ...bundleAnnotations(VERIFICATION_SUMMARY),
                "org.opencontainers.image.created": new Date().toISOString(),
              },
            });
            published.push({ status: "published", image, at: `${one.reference.name}@${digest}` });
          } catch (error) {
            if (!(error instanceof UsageError)) throw error;
            published.push({ status: "failed", image, why: error.message });
          }
        }
      } finally {
        await pusher.close();
      }
      return [...published, ...others.map(({ image, why }): Attested => ({ status: "notPassed", image, why }))];
    },
  };
};
