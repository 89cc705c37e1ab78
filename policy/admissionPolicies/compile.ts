import type { CompiledPolicy } from "../compiledPolicy.ts";
import type { PatternList } from "../compile/patterns.ts";
import type { CompiledException } from "../exceptions/compiledException.ts";
import type { RuleName } from "../finding/finding.ts";
import { notReady } from "../finding/message.ts";
import { allowedText } from "../rules/registries.ts";
import { mayPin } from "../tagState.ts";
import { allOf, anyOf, not, text, type Variable } from "./cel.ts";
import { sayExceptions } from "./exceptions.ts";
import { lengthOfList, listVariables, textVariables, type Said } from "./lists.ts";
import { BAD_DIGEST, DIGEST_REQUIRED, line, MALFORMED, TAG_FORBIDDEN } from "./messages.ts";
import { namesAddressInBrackets } from "./patterns.ts";
import { patternsOf, sayAbout, sayPins } from "./pins.ts";
import { HAS_BAD_DIGEST, readImages } from "./references.ts";
import {
  actionOf,
  HAS_FEW_IMAGES,
  IS_NO_MIRROR_POD,
  labelsOf,
  MOST_PLACES,
  namesNamespace,
  placesOf,
  subjectVariables,
} from "./subject.ts";

/** What a ValidatingAdmissionPolicy has to say for a policy: the parts of its `spec` that are CEL. */
export interface AdmissionRules {
  readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
  readonly variables: readonly Variable[];
  readonly validation: {
    readonly expression: string;
    readonly messageExpression: string;
    /** Where the expression for the message fails. */
    readonly message: string;
  };
}

export type CompiledAdmissionRules =
  | {
      readonly status: "said";
      readonly rules: AdmissionRules;
      /** What stays with the webhook, in words. */
      readonly left: readonly string[];
    }
  /** Nothing of it can be said, or it refuses nothing. */
  | {
      readonly status: "unsaid";
      readonly reason: "RefusesNothing" | "PolicyNotReady" | "TooLarge";
      readonly message: string;
    };

export interface AdmissionRulesContext {
  /** All policies in force: their pins excuse tags. */
  readonly policies: readonly CompiledPolicy[];
  readonly exceptions: readonly CompiledException[];
  /** What is no image in a template; `SubjectPlace.placeholders`. Absent: nothing. */
  readonly placeholders?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const SAID: readonly RuleName[] = ["reference", "registries", "digest"];

/**
 * Says in CEL what a policy refuses by the text of an image alone: references that cannot be read, registries, the form
 * of digests (design.md section 14). It never refuses what the webhook would admit; what CEL cannot say as the engine
 * does is left out, and listed.
 */
export function compileAdmissionRules(policy: CompiledPolicy, context: AdmissionRulesContext): CompiledAdmissionRules {
  const { spec, name } = policy;
  const fault = policy.faults.find(({ path }) => CONCERNED.test(path));
  if (fault !== undefined || policy.unjudged.length > 0)
    return {
      status: "unsaid",
      reason: "PolicyNotReady",
      message: `${fault?.path ?? policy.unjudged[0]?.rule ?? "spec"} cannot be read`,
    };
  const action = actionOf(spec);
  const labels = labelsOf(spec.match ?? {});
  if (action === undefined || labels === undefined)
    return { status: "unsaid", reason: "PolicyNotReady", message: "a selector cannot be read" };
  if (
    action !== `"deny"` &&
    !policy.overriddenBy.includes("deny") &&
    spec.enforcementAction !== "deny" &&
    spec.enforcementAction !== undefined
  )
    return { status: "unsaid", reason: "RefusesNothing", message: "the policy refuses nothing in any namespace" };

  const exceptions = sayExceptions(policy, context.exceptions, SAID, context.now);
  const pins = policy.digest?.required === true ? context.policies.filter(mayPin) : [];
  const patterns = allPatterns(policy, pins, exceptions.used);
  const length = lengthOfList(patterns);
  if (length > LONGEST)
    return {
      status: "unsaid",
      reason: "TooLarge",
      message: `its lists, with those of exceptions and pins, would be ${length} characters of CEL, and an API server gets at most ${LONGEST}`,
    };
  const about = sayAbout("about", spec.match ?? {});
  const registries = sayRegistries(policy);
  const pinned = sayPins(pins);
  const digest = anyOf([
    HAS_BAD_DIGEST,
    ...(policy.digest?.required === true ? [allOf([`i.at == ""`, not(pinned.condition)])] : []),
    ...(policy.digest?.allowTag === false ? [`i.at != "" && i.tag != ""`] : []),
  ]);
  const leavesBrackets =
    exceptions.used.some((one) => one.coversRule("reference")) || patterns.some(namesAddressInBrackets);

  const refusedRegistry = allOf([registries.condition, not(exceptions.covers("registries"))]);
  const refusedDigest = allOf([digest, not(exceptions.covers("digest"))]);
  const applies = allOf([labels, action === `"deny"` ? "true" : `${action} == "deny"`]);
  const variables: readonly Variable[] = [
    ...subjectVariables(context.placeholders ?? []),
    ...readImages(leavesBrackets ? "other" : "readable"),
    { name: "malformed", expression: `variables.read.filter(i, i.form == "malformed")` },
    { name: "readable", expression: `variables.read.filter(i, i.form == "readable")` },
    ...about.variables,
    ...registries.variables,
    ...pinned.variables,
    ...exceptions.variables,
    {
      name: "refused",
      expression:
        `${exceptions.coversMalformed === "false" ? "variables.malformed" : `variables.malformed.filter(i, ${not(exceptions.coversMalformed)})`} + ` +
        `variables.readable.filter(i, ${allOf([about.condition, anyOf([refusedRegistry, refusedDigest])])})`,
    },
    { name: "order", expression: `variables.refused.map(i, ${ORDER}).min()` },
    { name: "first", expression: `variables.refused.filter(i, ${ORDER} == variables.order)` },
    ...registries.texts,
    ...sayFinding(policy, refusedRegistry),
    ...line(name, notReady(policy)),
  ];
  return {
    status: "said",
    rules: {
      matchConditions: [
        { name: "few-images", expression: HAS_FEW_IMAGES },
        { name: "no-mirror-pod", expression: IS_NO_MIRROR_POD },
        ...Array.from(placesOf(spec.match ?? {}), ([part, expression]) => ({
          name: CONDITION[part] ?? part,
          expression,
        })),
      ],
      variables,
      validation: {
        expression: anyOf([not(applies), "variables.refused.size() == 0"]),
        messageExpression: "variables.message",
        message: `[${name}] an image is refused by its text: registry, digest or form`,
      },
    },
    left: leftOf(policy, { pins, exceptions: exceptions.used, leavesBrackets }),
  };
}

/**
 * Characters. An API server compiles all of them at each change and at each start: 1.2 MiB took it 21 s, and 0.4 MiB
 * 8 s, on two cores that many others used.
 */
const LONGEST = 262_144;

/** Faults of these parts change what is refused by an image's text; those of others, such as keys, do not. */
const CONCERNED = /^spec(?:$|\.(?:match|enforcement\w+|registries|digest)\b)/;

/** Names of match conditions, by part of `match`. */
const CONDITION: Readonly<Record<string, string>> = {
  namespaces: "match-namespaces",
  excludeNamespaces: "match-exclude-namespaces",
  workloads: "match-workloads",
};

/** In which findings are told: by container, image and place (`finding/lines.ts`). */
const ORDER = `i.container + " " + i.image + " " + i.place`;

interface SaidRegistries extends Said {
  /** Variables for the message: what it is denied by, and why it is not allowed. */
  readonly texts: readonly Variable[];
}

function sayRegistries({ registries, spec }: CompiledPolicy): SaidRegistries {
  if (registries === undefined) return { variables: [], condition: "false", texts: [] };
  const deny = listVariables("deny", registries.deny.patterns);
  const lists: { readonly list: PatternList; readonly said: Said; readonly names: string; readonly where: string }[] =
    [];
  for (const [index, { allow }] of registries.namespaces.entries()) {
    lists.push({
      list: allow,
      said: listVariables(`allowIn${index + 1}x`, allow.patterns),
      names: namesNamespace(spec.registries?.namespaces?.[index]?.names ?? []),
      where: `" in namespace " + request.namespace + `,
    });
  }
  // As the lines of one image stand: those of namespaces first, by their text.
  lists.sort((a, b) => (allowedText(a.list) < allowedText(b.list) ? -1 : 1));
  if (registries.allow !== undefined)
    lists.push({
      list: registries.allow,
      said: listVariables("allow", registries.allow.patterns),
      names: "true",
      where: "",
    });
  const refusals = lists.map(({ said, names }) => allOf([names, not(said.condition)]));
  const notAllowed = lists.map(
    ({ list, where }, index) =>
      `${refusals[index] ?? "false"} ? " is not allowed" + ${where}${text(`; ${allowedText(list)}`)} : ""`,
  );
  return {
    variables: [...deny.variables, ...lists.flatMap(({ said }) => said.variables)],
    condition: anyOf([deny.condition, ...refusals]),
    texts: [
      ...textVariables("deniedBy", registries.deny.patterns),
      {
        name: "notAllowed",
        expression: `variables.first.map(i, [${notAllowed.join(", ")}].filter(found, found != ""))[0]`,
      },
    ],
  };
}

/** The first finding of the first image: its reason, and what it says. */
function sayFinding(policy: CompiledPolicy, refusedRegistry: string): readonly Variable[] {
  const { registries } = policy;
  const isMalformed = `i.form == "malformed"`;
  const isDenied = `variables.deniedBy.size() > 0`;
  const allowed = registries?.allow === undefined ? "" : `; ${allowedText(registries.allow)}`;
  const ofRegistries = (denied: string, notAllowed: string): readonly string[] =>
    registries === undefined
      ? []
      : [
          `${refusedRegistry} ? ${registries.deny.patterns.length === 0 ? notAllowed : `(${isDenied} ? ${denied} : ${notAllowed})`}`,
        ];
  const told = (parts: readonly string[]): string => `variables.first.map(i,\n${parts.join("\n: ")})[0]`;
  return [
    {
      name: "reason",
      expression: told([
        `${isMalformed} ? "ImageMalformed"`,
        ...ofRegistries(`"RegistryDenied"`, `"RegistryNotAllowed"`),
        `${HAS_BAD_DIGEST} ? "DigestMalformed"`,
        `i.at == "" ? "DigestRequired" : "TagForbidden"`,
      ]),
    },
    {
      name: "detail",
      expression: told([
        `${isMalformed} ? (${MALFORMED}) + "; write registry/repository@sha256:<64 hex>"`,
        ...ofRegistries(
          `i.name + " is denied by \\"" + variables.deniedBy[0] + "\\"" + ${text(allowed)}`,
          `i.name + variables.notAllowed[0]`,
        ),
        `${HAS_BAD_DIGEST} ? (${BAD_DIGEST}) + "; write " + i.name + "@sha256:<64 hex>"`,
        `i.at == "" ? ${DIGEST_REQUIRED} : ${TAG_FORBIDDEN}`,
      ]),
    },
  ];
}

function allPatterns(
  policy: CompiledPolicy,
  pins: readonly CompiledPolicy[],
  exceptions: readonly CompiledException[],
): ReturnType<typeof patternsOf> {
  const { registries } = policy;
  return [
    ...[policy, ...pins].flatMap(({ spec: { match } }) =>
      patternsOf([...(match?.images ?? []), ...(match?.excludeImages ?? [])]),
    ),
    ...(registries === undefined
      ? []
      : [registries.deny, registries.allow, ...registries.namespaces.map(({ allow }) => allow)].flatMap(
          (list) => list?.patterns ?? [],
        )),
    ...exceptions.flatMap(({ images }) => images ?? []),
  ];
}

function leftOf(
  { rules, digest, registries }: CompiledPolicy,
  used: {
    readonly pins: readonly CompiledPolicy[];
    readonly exceptions: readonly CompiledException[];
    readonly leavesBrackets: boolean;
  },
): readonly string[] {
  const content = rules.map(({ name }) => name).filter((name) => !SAID.includes(name));
  const names = (list: readonly { readonly name: string }[]): string => list.map(({ name }) => name).join(", ");
  return [
    ...(content.length === 0 ? [] : [`${content.join(", ")}: what an image holds and who made it`]),
    ...(digest?.verify === true ? ["digest.verify: whether the registry has it"] : []),
    ...(digest !== undefined && digest.tagDrift !== "Ignore" ? ["digest.tagDrift: where a tag leads now"] : []),
    ...(used.pins.length === 0 ? [] : [`digest.required of images that are pinned by ${names(used.pins)}`]),
    ...(used.exceptions.length === 0
      ? []
      : [`updates of images that exceptions are about (${names(used.exceptions)})`]),
    ...(used.leavesBrackets ? ["registries with an IPv6 address"] : []),
    ...(registries === undefined ? [] : ["that a registry looks like another"]),
    `objects with more than ${MOST_PLACES} images`,
  ];
}
