import type { ImageSecurityPolicy } from "../../crds/types.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import type { Manifest } from "../input/manifests.ts";
import { keysOfPointer } from "./applyPatch.ts";
import { explainImage, explainPlaceholder } from "./explain.ts";
import { judgeManifest, type JudgeOptions } from "./judgeManifest.ts";
import type { CheckedObject } from "./result.ts";

/** What is wanted of an object beside its verdict. */
export interface Wanted {
  /** The policies as they are written. Absent: nothing is explained. */
  readonly explainBy?: readonly ImageSecurityPolicy[];
  readonly attests: boolean;
}

/** Judges a manifest as admission would, and says where in its file each finding is. */
export const checkManifest = async (
  manifest: Manifest,
  namespace: string,
  options: JudgeOptions,
  { explainBy, attests }: Wanted,
): Promise<CheckedObject> => {
  const { verdict, findings, partial, pinned, judged, facts } = await judgeManifest(manifest, namespace, options);
  const { path, kind, name } = manifest;
  const where = { kind, namespace, namespaceLabels: options.namespaceLabels(namespace) };
  const subject = subjectOf(judged, { ...where, placeholders: options.placeholders });
  const uses = subject.images;
  return {
    path,
    kind,
    name,
    namespace,
    verdict,
    line: manifest.lineOf([]),
    findings: findings.map((finding) => {
      const use = uses.find(({ container, image }) => container === finding.container && image === finding.image);
      return { finding, line: manifest.lineOf(use === undefined ? [] : keysOfPointer(use.path)) };
    }),
    pinned: [...pinned.values()],
    ...(attests ? { judged: { subject, findings, partial, facts } } : {}),
    ...(explainBy === undefined
      ? {}
      : {
          explained: subjectOf(judged, where).images.map((use) =>
            uses.some(({ path: at }) => at === use.path)
              ? explainImage(subject, use, options.policies, explainBy, facts.get(use.image))
              : explainPlaceholder(use),
          ),
        }),
  };
};
