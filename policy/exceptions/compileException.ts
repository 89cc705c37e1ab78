import { createHash } from "node:crypto";
import { EXCEPTION_SCHEMA } from "../../crds/exceptionSchema.ts";
import type { ExceptionSpec, ImageSecurityException } from "../../crds/types.ts";
import { canonicalJson } from "../compile/canonicalJson.ts";
import { faultText, FieldFaults } from "../compile/faults.ts";
import { compilePatterns } from "../compile/patterns.ts";
import { readShape } from "../compile/shape.ts";
import { durationText } from "../duration.ts";
import { digestFault } from "../image/digestForm.ts";
import { compileGlobs } from "../image/glob.ts";
import type { ImagePattern } from "../image/pattern.ts";
import { parseRfc3339 } from "../rfc3339.ts";
import { compileSelector } from "../subject/selector.ts";
import type { Subject } from "../subject/subject.ts";
import { REVOCATION, type CompiledException } from "./compiledException.ts";
import { namesRevocation, notPermitted } from "./revocationExceptions.ts";

export interface ExceptionBounds {
  /** Milliseconds that an exception may last from its creation on (`--max-exception-duration`). */
  readonly maxDuration: number;
  /** Milliseconds since the epoch, for an object that has no creationTimestamp yet: one in a file. */
  readonly now: number;
}

/** Milliseconds. What an incident stopped may run on for a week at most (design.md section 11). */
const REVOCATION_DURATION = 7 * 86_400_000;

/**
 * Compiles an exception. Never throws for what it says. One with a fault silences nothing at all: what is left of it
 * could be about more than its author meant.
 */
export function compileException(
  { metadata, spec: written }: ImageSecurityException,
  { maxDuration, now }: ExceptionBounds,
): CompiledException {
  const faults = new FieldFaults("spec");
  const spec = readSpec(written, faults);
  const created = parseRfc3339(metadata.creationTimestamp ?? "");
  const identity = {
    name: metadata.name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    key: createHash("sha256")
      .update(canonicalJson([metadata.name, metadata.uid ?? "", written, created ?? "", maxDuration]))
      .digest("hex"),
  };
  const compiled = spec === undefined ? undefined : compileSpec(spec, faults);
  if (spec === undefined || compiled === undefined || faults.list.length > 0) {
    const message = faultText(faults.list);
    return Object.freeze<CompiledException>({ ...identity, ...NOTHING, refused: { reason: "InvalidSpec", message } });
  }
  const refused = refusalOf(spec, compiled.expires, created ?? now, maxDuration);
  return Object.freeze<CompiledException>({
    ...identity,
    spec,
    ...compiled,
    ...(refused === undefined ? {} : { refused }),
  });
}

type Covered = Omit<CompiledException, "name" | "uid" | "generation" | "key" | "refused">;

const NOTHING: Covered = {
  expires: 0,
  coversPolicy: () => false,
  coversRule: () => false,
  matchesSubject: () => false,
  matchesImage: () => false,
  images: [],
};

function readSpec(written: unknown, faults: FieldFaults): ExceptionSpec | undefined {
  const read = readShape(EXCEPTION_SCHEMA, written, faults.path);
  for (const { path, message } of read.faults) faults.include({ reason: "InvalidSpec", path, message });
  // Of the schema's shape, from which the type is generated, where nothing was wrong with it.
  return read.faults.length > 0 ? undefined : (read.value as ExceptionSpec);
}

function compileSpec(spec: ExceptionSpec, faults: FieldFaults): Covered {
  const { policies, rules, match } = spec;
  const at = faults.at("match");
  if (match.namespaces === undefined && match.images === undefined && match.digests === undefined)
    at.add(
      "InvalidSpec",
      "names neither namespaces nor images nor digests: labels are in the hands of whoever writes the pod",
    );
  const expires = parseRfc3339(spec.expires);
  if (expires === undefined) {
    const found = JSON.stringify(spec.expires);
    faults.at("expires").add("InvalidSpec", `${found} is no RFC 3339 time, such as 2027-01-31T00:00:00Z`);
  }
  const images = match.images && compilePatterns(match.images, at.at("images")).patterns;
  return {
    expires: expires ?? 0,
    coversPolicy: policyMatcher(policies),
    coversRule: (rule) => rules.includes(rule) || (rule !== REVOCATION && rules.includes("All")),
    matchesSubject: subjectMatcher(match, at),
    matchesImage: imageMatcher(images, digestSet(match.digests, at.at("digests"))),
    images,
  };
}

/** No wildcard stands for a revocation. */
function policyMatcher(policies: readonly string[]): CompiledException["coversPolicy"] {
  const exact = new Set(policies);
  const globs = compileGlobs(policies);
  return (policy) => (namesRevocation(policy) ? exact.has(policy) : globs(policy));
}

function subjectMatcher(
  { namespaces, objectSelector }: ExceptionSpec["match"],
  faults: FieldFaults,
): (subject: Subject) => boolean {
  const named = namespaces && compileGlobs(namespaces);
  const selector = objectSelector && compileSelector(objectSelector);
  if (selector?.status === "fault") faults.at("objectSelector").add("InvalidSpec", selector.message);
  return ({ namespace, labels }) =>
    (named === undefined || named(namespace)) &&
    (selector === undefined || (selector.status === "ok" && selector.matches(labels)));
}

/**
 * A reference that does not parse could be anything, and so nothing that is excepted; one with a bad digest has a name
 * all the same.
 */
function imageMatcher(
  images: readonly ImagePattern[] | undefined,
  digests: ReadonlySet<string> | undefined,
): CompiledException["matchesImage"] {
  return ({ parsed }, digest) => {
    if (digests !== undefined && (digest === undefined || !digests.has(digest))) return false;
    if (images === undefined) return true;
    if (parsed.status === "malformed" && parsed.reason === "ImageMalformed") return false;
    return images.some((pattern) => pattern.matches(parsed.reference));
  };
}

function digestSet(digests: readonly string[] | undefined, faults: FieldFaults): ReadonlySet<string> | undefined {
  for (const [index, digest] of (digests ?? []).entries()) {
    const fault = digestFault(digest);
    if (fault !== undefined) faults.at(index).add("InvalidSpec", `${JSON.stringify(digest)} ${fault}`);
  }
  return digests && new Set(digests);
}

function refusalOf(
  spec: ExceptionSpec,
  expires: number,
  created: number,
  maxDuration: number,
): CompiledException["refused"] {
  const denied = notPermitted(spec);
  if (denied !== undefined) return { reason: "NotPermitted", message: denied };
  const revocation = spec.policies.some(namesRevocation);
  const longest = revocation ? Math.min(maxDuration, REVOCATION_DURATION) : maxDuration;
  if (expires - created <= longest) return undefined;
  const bound = revocation && longest === REVOCATION_DURATION ? "the rule revocation" : "--max-exception-duration";
  return {
    reason: "TooLong",
    message: `expires ${durationText(expires - created)} after it was created, and ${bound} allows ${durationText(longest)}; create one that ends sooner`,
  };
}
