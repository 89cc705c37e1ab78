import { attestationKey } from "../../policy/facts/attestationKey.ts";
import type { ImageFacts } from "../../policy/facts/facts.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Finding } from "../../policy/finding/finding.ts";
import type { Reference } from "../../policy/image/reference.ts";
import { policiesFor } from "../../policy/judge.ts";
import type { ImageUse, Subject } from "../../policy/subject/subject.ts";

/** One object as it was judged: after pinning, with every finding and everything that was learnt. */
export interface JudgedObject {
  readonly subject: Subject;
  readonly findings: readonly Finding[];
  /** Not all of it was judged. */
  readonly partial: boolean;
  /** By the image as the object writes it. */
  readonly facts: ReadonlyMap<string, ImageFacts>;
}

/** A digest that satisfied every policy in force about it, wherever it stood. */
export interface PassedImage {
  readonly reference: Reference & { readonly digest: string };
  /** Sorted by name; never empty. */
  readonly policies: readonly CompiledPolicy[];
  /** Digests of the attested statements that counted, sorted. */
  readonly inputs: readonly string[];
}

/** An image of which nothing is attested. */
export interface NotPassed {
  readonly image: string;
  readonly why: string;
}

/**
 * Which digests passed. Stricter than what is admitted, because what is attested outlives this moment and is believed elsewhere: a warning,
 * a fact that could not be had, an exception, a policy that only runs dry (nobody looked at what it asks) each leave an image out.
 */
export const passedImages = (
  objects: readonly JudgedObject[],
  policies: readonly CompiledPolicy[],
): { readonly passed: readonly PassedImage[]; readonly others: readonly NotPassed[] } => {
  const places = objects.flatMap((object) => object.subject.images.map((use) => placeOf(object, use, policies)));
  const passed: PassedImage[] = [];
  const others: NotPassed[] = [];
  for (const [image, of] of [...Map.groupBy(places, ({ name }) => name)].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const why = of.flatMap(({ objection }) => objection ?? [])[0];
    const [first] = of;
    const applied = [...new Set(of.flatMap((place) => place.policies))].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (why !== undefined) others.push({ image, why });
    else if (first?.reference === undefined)
      others.push({ image, why: "is named by no digest: a tag says nothing of bytes" });
    else if (applied.length === 0) others.push({ image, why: "no policy that denies or warns is about it" });
    else
      passed.push({
        reference: first.reference,
        policies: applied,
        inputs: [...new Set(of.flatMap(({ inputs }) => inputs))].toSorted(),
      });
  }
  return { passed, others };
};

/** An image in one place of one object. */
interface Place {
  /** `registry/repository@digest`; where there is no digest, as it is written. */
  readonly name: string;
  readonly reference: (Reference & { readonly digest: string }) | undefined;
  readonly policies: readonly CompiledPolicy[];
  readonly inputs: readonly string[];
  readonly objection: string | undefined;
}

const placeOf = (
  { subject, findings, partial, facts }: JudgedObject,
  use: ImageUse,
  all: readonly CompiledPolicy[],
): Place => {
  const matching = all.filter((policy) => policy.matchesSubject(subject));
  const policies = policiesFor(matching, use).filter(
    ({ actionIn }) => actionIn(subject.namespace, subject.namespaceLabels) !== "dryrun",
  );
  const known = facts.get(use.image);
  const { parsed } = use;
  const digest = parsed.status === "ok" ? parsed.reference.digest : undefined;
  const reference = parsed.status === "ok" && digest !== undefined ? { ...parsed.reference, digest } : undefined;
  return {
    name: reference === undefined ? use.image : `${reference.name}@${reference.digest}`,
    reference,
    policies,
    inputs: known === undefined ? [] : inputsOf(known, policies),
    objection: partial
      ? "stands in an object that was not judged whole"
      : (objectionTo(use, subject, findings) ?? unasked(use, subject, policies)),
  };
};

/** Rules that are judged by the text of an image. */
const BY_TEXT: ReadonlySet<string> = new Set(["registries", "digest"]);

/** A rule that asks nothing of an image in this place, such as of a template what trivy-operator will find of its pods. */
const unasked = (
  { parsed }: ImageUse,
  { namespace, template }: Subject,
  policies: readonly CompiledPolicy[],
): string | undefined => {
  if (parsed.status !== "ok") return undefined;
  const { reference } = parsed;
  const context = { mode: "admission", namespace, template, parsed, tags: "bare", reference } as const;
  for (const { name, rules } of policies) {
    const silent = rules.find((rule) => !BY_TEXT.has(rule.name) && rule.needs(context) === "nothing");
    if (silent !== undefined) return `was not asked for the rule ${silent.name} of ${name}, which judges pods alone`;
  }
  return undefined;
};

/** The first finding that stands in the way; one that is about no image of the object is about all of them. */
const objectionTo = (use: ImageUse, { images }: Subject, findings: readonly Finding[]): string | undefined => {
  const concerns = ({ container, image }: Finding): boolean =>
    image === use.image || container === use.container || !images.some((one) => one.image === image);
  const found = findings.find((finding) => finding.action !== "dryrun" && concerns(finding));
  if (found === undefined) return undefined;
  const { policy, reason, action, exempted } = found;
  if (exempted !== undefined) return `passes ${policy} by the exception ${exempted.by} alone`;
  return `${action === "deny" ? "is denied" : action === "warn" ? "has a warning" : "was let in unjudged"} by ${policy}: ${reason}`;
};

/** Digests of the statements by somebody whom these policies trust, of the image and of its platforms. */
const inputsOf = (facts: ImageFacts, policies: readonly CompiledPolicy[]): readonly string[] => {
  const trusted = new Set(policies.flatMap(({ authorities }) => [...authorities.values()].map(({ id }) => id)));
  const ofPlatforms = facts.platforms?.status === "verified" ? facts.platforms.value : [];
  const read = [facts.attestations, facts.allAttested ?? [], ...ofPlatforms.map(({ attested }) => attested)];
  return read
    .flatMap((outcomes) => [...outcomes])
    .flatMap(([key, outcome]) => {
      const ours = outcome.status === "verified" && [...trusted].some((id) => key.endsWith(attestationKey("", id)));
      return ours ? outcome.value.flatMap(({ digest }) => digest ?? []) : [];
    });
};
