import type { LabelSelector, PolicyMatch } from "../../crds/types.ts";
import type { CompiledPolicy } from "../compiledPolicy.ts";
import { compileGlobs } from "../image/glob.ts";
import type { Reference } from "../image/reference.ts";
import { compileSelector, type Labels } from "../subject/selector.ts";
import type { Subject } from "../subject/subject.ts";
import type { FieldFaults } from "./faults.ts";
import { compilePatterns, type PatternList } from "./patterns.ts";

export interface CompiledMatch {
  readonly matchesSubject: CompiledPolicy["matchesSubject"];
  readonly matchesImage: CompiledPolicy["matchesImage"];
  readonly images: PatternList | undefined;
}

/**
 * Compiles `spec.match`. A part that cannot be read holds for everything, an exclusion for nothing: the policy then
 * judges more than its author meant, never less.
 */
export function compileMatch(spec: PolicyMatch, faults: FieldFaults): CompiledMatch {
  const subject: ((subject: Subject) => boolean)[] = [];

  if (spec.workloads === "Pods") subject.push(({ template }) => !template);
  const { namespaces, excludeNamespaces } = spec;
  if (namespaces !== undefined) {
    const named = compileGlobs(namespaces);
    subject.push(({ namespace }) => named(namespace));
  }
  if (excludeNamespaces !== undefined) {
    const excluded = compileGlobs(excludeNamespaces);
    subject.push(({ namespace }) => !excluded(namespace));
  }
  const ofNamespace = selectorOf(spec.namespaceSelector, faults.at("namespaceSelector"));
  if (ofNamespace !== undefined) {
    subject.push(({ namespaceLabels }) => namespaceLabels === undefined || ofNamespace(namespaceLabels));
  }
  const ofObject = selectorOf(spec.objectSelector, faults.at("objectSelector"));
  if (ofObject !== undefined) subject.push(({ labels }) => ofObject(labels));

  const images = spec.images === undefined ? undefined : compilePatterns(spec.images, faults.at("images"));
  const excluded = compilePatterns(spec.excludeImages ?? [], faults.at("excludeImages"));
  return {
    matchesSubject: (one) => subject.every((holds) => holds(one)),
    matchesImage: imageMatcher(images, excluded),
    images,
  };
}

function imageMatcher(
  images: PatternList | undefined,
  excluded: PatternList,
): (reference: Reference | undefined) => boolean {
  if (images === undefined && excluded.patterns.length === 0) return () => true;
  return (reference) => {
    // What does not parse could be anything, also what the policy is about.
    if (reference === undefined) return true;
    const named =
      images === undefined ||
      images.faulty !== undefined ||
      images.patterns.some((pattern) => pattern.matches(reference));
    return named && !excluded.patterns.some((pattern) => pattern.matches(reference));
  };
}

function selectorOf(
  selector: LabelSelector | undefined,
  faults: FieldFaults,
): ((labels: Labels) => boolean) | undefined {
  if (selector === undefined) return undefined;
  const compiled = compileSelector(selector);
  if (compiled.status === "ok") return compiled.matches;
  faults.add("InvalidSpec", compiled.message);
  return undefined;
}
